from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from dfcore.data.views.finish import move_views
from dfcore.device import Precision
from dfcore.evaluation.predictions import predict_samples
from dfcore.models.protocols import SpecialistOutput
from dfcore.training.loaders import evaluation_loader
from dfcore.training.runtime.distributed import World

CPU = torch.device("cpu")
FP32 = Precision("fp32", "cpu")


class Numbered(torch.utils.data.Dataset):
    """Sample i is the number i."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"views": {"face": torch.full((1,), float(index))}, "label": index % 2, "video": index // 3}


class Echo(nn.Module):
    """Gives back each sample's number as the logit of "fake"; dropout shows a forgotten ``eval()``."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.modes: list[bool] = []

    def forward(self, views: dict[str, torch.Tensor]) -> SpecialistOutput:
        self.modes.append(torch.is_grad_enabled())
        logits = torch.cat([torch.zeros_like(views["face"]), self.drop(views["face"])], dim=1)
        return SpecialistOutput(logits, -logits, logits, logits, torch.zeros(()))


class OneOf(World):
    """A process of several: it gathers what the others were found to give."""

    def gather(self, value: Any) -> list[Any]:
        SHARES[self.rank] = value
        return [SHARES.get(rank, value) for rank in range(self.size)]


SHARES: dict[int, Any] = {}


@pytest.mark.parametrize("size", [1, 2, 3])
def test_each_sample_once_in_order_on_any_number_of_processes(size: int) -> None:
    SHARES.clear()
    for _ in range(2):  # in the second round everybody has everybody's share
        for rank in range(size):
            world = OneOf(rank, size)
            loader = evaluation_loader(Numbered(11), batch_size=2, workers=0, device=CPU, world=world)
            found = predict_samples(Echo(), loader, CPU, FP32, world)
    assert found.logits[:, 1].tolist() == list(range(11))
    assert found.cue_logits[:, 1].tolist() == [-i for i in range(11)]
    assert found.label.tolist() == [i % 2 for i in range(11)]
    assert found.video.tolist() == [i // 3 for i in range(11)]


def test_more_processes_than_samples() -> None:
    SHARES.clear()
    for _ in range(2):
        for rank in range(3):
            world = OneOf(rank, 3)
            loader = evaluation_loader(Numbered(2), batch_size=2, workers=0, device=CPU, world=world)
            found = predict_samples(Echo(), loader, CPU, FP32, world)
    assert found.logits[:, 1].tolist() == [0.0, 1.0]


def test_no_samples_are_predictions_of_none() -> None:
    found = predict_samples(Echo(), [], CPU, FP32, World())
    shapes = [(part.shape, part.dtype) for part in (found.video, found.label, found.logits, found.cue_logits)]
    assert shapes == [((0,), np.int64), ((0,), np.int64), ((0, 2), np.float32), ((0, 2), np.float32)]
    assert found.judged is not None
    assert (found.judged.shape, found.judged.dtype) == ((0,), np.bool_)
    assert (len(found), found.fake.shape, found.only(found.judged).logits.shape) == (0, (0,), (0, 2))


class Abstaining(Numbered):
    def __getitem__(self, index: int) -> dict[str, Any]:
        return {**super().__getitem__(index), "judged": index % 3 == 0}


@pytest.mark.parametrize("size", [1, 2])
def test_abstentions_stay_with_their_samples(size: int) -> None:
    SHARES.clear()
    for _ in range(2):
        for rank in range(size):
            world = OneOf(rank, size)
            loader = evaluation_loader(Abstaining(11), batch_size=2, workers=0, device=CPU, world=world)
            found = predict_samples(Echo(), loader, CPU, FP32, world)
    assert found.judged is not None
    assert found.judged.tolist() == [i % 3 == 0 for i in range(11)]
    assert found.only(found.judged).logits[:, 1].tolist() == [0, 3, 6, 9]


def test_no_gradients_and_the_mode_is_restored() -> None:
    model = Echo().train()
    found = predict_samples(
        model, evaluation_loader(Numbered(4), batch_size=4, workers=0, device=CPU, world=World()), CPU, FP32, World()
    )
    assert model.training
    assert model.modes == [False]
    assert len(found) == 4


def test_mode_is_restored_after_an_error() -> None:
    model = Echo().train()

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_samples(model, [{"views": {}}], CPU, FP32, World(), check=stop)
    assert model.training


def test_probabilities_are_a_softmax() -> None:
    found = predict_samples(
        Echo(), evaluation_loader(Numbered(4), batch_size=4, workers=0, device=CPU, world=World()), CPU, FP32, World()
    )
    expected = torch.softmax(torch.from_numpy(found.logits).double(), dim=1)[:, 1].numpy()
    np.testing.assert_allclose(found.fake, expected, rtol=1e-12)
    np.testing.assert_allclose(found.cue_fake, 1 - expected, rtol=1e-12)


def test_only_images_become_channels_last() -> None:
    views = {"face": torch.zeros(2, 3, 4, 4), "tiles": torch.zeros(2, 49, 4, 4), "clip": torch.zeros(2, 5, 3, 4, 4)}
    moved = move_views(views, CPU, channels_last=True)
    assert moved["face"].is_contiguous(memory_format=torch.channels_last)
    assert not moved["face"].is_contiguous()
    assert moved["tiles"].is_contiguous()
    assert moved["clip"].is_contiguous()
    assert move_views(views, CPU, channels_last=False)["face"].is_contiguous()
