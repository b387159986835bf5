"""Two processes that prepare and train together (see ``sharing_run.py``)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist

from dfcore.config import TrainConfig, override
from dfcore.data.prepare.videos import PrepareReport
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.device import choose_precision
from dfcore.errors import RunError
from dfcore.evaluation.predictions import predict_samples
from dfcore.evaluation.summary import summarise
from dfcore.models import factory
from dfcore.models.files.weights import read_final
from dfcore.training.inputs import sharing
from dfcore.training.inputs.choose import choose_videos
from dfcore.training.inputs.prepare import usable
from dfcore.training.inputs.samples import make_data
from dfcore.training.loaders import evaluation_loader
from dfcore.training.runtime.distributed import World

CPU = torch.device("cpu")
Found = list[dict[str, Any]]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (dist.is_available() and dist.is_gloo_available()):
        pytest.skip("this PyTorch has no gloo")
    folder = tmp_path_factory.mktemp("sharing")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    logs = ["--redirects", "3", "--log-dir", str(folder / "logs")]
    script = [str(Path(__file__).parents[2] / "helpers" / "sharing_run.py"), str(folder)]
    done = subprocess.run(
        [*launcher, *logs, *script], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False, timeout=300
    )
    assert done.returncode == 0, "".join(path.read_text() for path in folder.rglob("std*.log"))
    return folder


@pytest.fixture(scope="module")
def both(out: Path) -> Found:
    return [json.loads((out / f"rank{rank}.json").read_text()) for rank in (0, 1)]


@pytest.mark.slow
def test_each_prepares_half_and_both_train_on_all_of_it(out: Path, both: Found) -> None:
    one, two = (found["whole"]["made"] for found in both)
    assert not set(one) & set(two)
    assert abs(len(one) - len(two)) <= 2  # two of the videos cannot be used
    store = ClipStore(out / "whole/store")
    assert sorted(one + two) == store.ids()
    config = json.loads((out / "whole/runs/toy_stage1/config.json").read_text())
    videos = config["data"]["videos"]
    assert sum(videos[split][kind] for split in ("train", "val") for kind in ("real", "fake")) == len(store)


@pytest.mark.slow
def test_their_indexes_and_failures_become_one(out: Path) -> None:
    root = out / "whole/store"
    assert sorted(path.name for path in root.glob("*.jsonl")) == ["failed.jsonl", "index.jsonl"]
    assert not list(root.glob(".*"))
    lines = [json.loads(line)["id"] for line in (root / "index.jsonl").read_text().splitlines()]
    assert lines == ClipStore(root).ids()
    assert sorted(ClipStore(root).failures) == ["fake_08_c23", "real_03_c23"]


@pytest.mark.slow
def test_one_process_measures_the_same(toy: TrainConfig, out: Path, both: Found) -> None:
    """Of the weights that two processes kept; the number of samples is odd."""
    folder = out / "whole/runs/toy_stage1"
    values = json.loads((folder / "config.json").read_text())["config"]
    config = override(TrainConfig.from_json(values), {"data.root": toy.data.root})
    model = factory.create("toy", backbone="test_efficientnet", pretrained=False)
    model.load_state_dict(read_final(folder / "toy_stage1_final.pt")["state_dict"])
    chosen = choose_videos(config, [])
    data = make_data(
        config,
        model,
        chosen,
        usable(chosen.records, ClipStore(config.data.store), PrepareReport(0, 0), []),
        World(),
    )
    assert data.val is not None
    loader = evaluation_loader(data.val, batch_size=4, workers=0, device=CPU, world=World())
    alone = summarise(predict_samples(model, loader, CPU, choose_precision(CPU), World()))
    assert alone["samples"] % 2 == 1
    for found in both:
        assert found["whole"]["metrics"].keys() == alone.keys()
        for name, value in alone.items():
            assert found["whole"]["metrics"][name] == pytest.approx(value, rel=1e-5), name


@pytest.mark.slow
def test_only_the_first_writes_and_speaks(out: Path, both: Found) -> None:
    assert both[0]["whole"]["writes"]
    assert both[1]["whole"]["writes"] == []
    said = {path.parent.name: path.read_text() for path in (out / "logs").rglob("stdout.log")}
    assert "best epoch 1 of 1" in said["0"]
    assert said["1"] == ""


@pytest.mark.slow
def test_one_process_after_another_in_the_same_two_processes(both: Found) -> None:
    """Each training joins and leaves a group of its own; a finished one returns its result."""
    assert both[0]["finished"]["metrics"] == both[1]["finished"]["metrics"] == both[0]["whole"]["metrics"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "own", "told"),
    [
        ("full", "StoreError: no space left for it", "RunError: process 1 of 2 ended: no space left for it"),
        ("terminated", "RunInterrupted: stopped by SIGTERM while", "RunInterrupted: process 1 of 2 ended: stopped by"),
        ("late", "TimeLimitReached: the time limit of 5h", "TimeLimitReached: process 1 of 2 ended: the time limit"),
    ],
)
def test_what_stops_one_while_preparing_stops_both(out: Path, both: Found, name: str, own: str, told: str) -> None:
    assert both[1][name]["error"].startswith(own)
    assert both[0][name]["error"].startswith(told)
    kept = [*both[0][name]["made"], *both[1][name]["made"]]
    assert len(both[0][name]["made"]) <= 4  # it was at its third video, and had seven or more to go
    assert kept
    if name == "late":  # the others were gone on with since
        assert set(ClipStore(out / "late/store")) == set(kept)
        return
    again = [found[f"{name}, again"] for found in both]
    assert again[0]["metrics"] == again[1]["metrics"] == both[0]["whole"]["metrics"]
    rest = [*again[0]["made"], *again[1]["made"]]
    assert not set(rest) & set(kept)
    assert set(rest) | set(kept) == set(ClipStore(out / "whole/store"))


@pytest.mark.slow
def test_a_time_limit_that_one_clock_has_reached_stops_both_at_the_same_step(both: Found) -> None:
    for found in both:
        assert "TimeLimitReached: stopped by the time limit of 5h at step 2 of" in found["late, training"]["error"]
    assert [found["late, training"]["told"] for found in both] == [False, True]


@pytest.mark.slow
def test_stores_on_separate_disks_are_noticed_before_anything_is_prepared(both: Found) -> None:
    assert [found["apart"]["made"] for found in both] == [[], []]
    assert "process 1 on" in both[1]["apart"]["error"]
    for found in both:
        assert "does not see what the first process has in the clip store" in found["apart"]["error"]
        assert "data.store" in found["apart"]["error"]


def test_a_dataset_that_one_does_not_see_is_no_heap_of_broken_videos(tmp_path: Path) -> None:
    there = tmp_path / "a.mp4"
    there.write_bytes(b"12345")
    machine: Any = SimpleNamespace(world=World(1, 2))
    config = override(TrainConfig(), {"data.root": str(tmp_path)})
    sharing._require_same_files([(VideoRecord("a", there, 0), 5), (VideoRecord("b", there, 0), -1)], config, machine)
    for size in (4, 6):
        with pytest.raises(RunError, match=r"process 1 on .* does not see .*a.mp4 .*same path on all machines"):
            sharing._require_same_files([(VideoRecord("a", there, 0), size)], config, machine)
