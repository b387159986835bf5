"""What a user may write: checked by mypy --strict (tests/test_typing.py), not run."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader

import dfcore


class Mine:
    def scan(self, root: Path) -> dfcore.Scan:
        return dfcore.Scan("mine", root, (dfcore.VideoRecord("a", root / "a.mp4", 0),))


def main(folder: Path) -> float:
    names: list[str] = dfcore.specialists()
    channels: int = dfcore.describe(names[0]).spec.channels
    dfcore.register_dataset("mine", Mine())
    dfcore.register_dataset("again", Mine)
    config: dfcore.TrainConfig = dfcore.configure("cm", stage=1, data=folder, set={"stage.lr": 2e-5})
    prepared: dfcore.Prepared = dfcore.prepare(config, names, workers=2)
    try:
        result: dfcore.RunResult = dfcore.train(config, resume=True)
    except dfcore.DfcoreError as error:
        raise SystemExit(error.exit_code) from error
    results: list[dfcore.RunResult] = dfcore.train_curriculum(dfcore.configure_curriculum("cm"))
    model: dfcore.Specialist = dfcore.load(result.final, device="cpu")
    fresh = dfcore.create("cm", backbone="resnet18", pretrained=False, device="cpu")
    store = dfcore.ClipStore(prepared.store)
    samples = dfcore.ClipSamples.from_store(store, model, split="train")
    views: dict[str, Tensor] = next(iter(DataLoader(samples, batch_size=2)))["views"]
    with torch.no_grad():
        output: dfcore.SpecialistOutput = model(views)
        embedding: Tensor = fresh.features(views)
    fresh.save(folder / "mine.pt")
    print(channels, embedding.shape, results[0].to_dict(), store.open(store.ids()[0]).source.fps)
    return float(output.logits.softmax(dim=1)[0, 1])
