"""Training, validation and evaluation take of a fake with several people what ``data.bystanders`` says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import dfcore.data.prepare.videos
from dfcore.assessment.targets import Target, as_trained
from dfcore.config import TrainConfig, override
from dfcore.data.clips import Clip
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.records import FAKE, REAL, VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.forged_faces import ClipFinding, ForgedFaceLog, ForgedFaces
from dfcore.errors import ConfigError
from dfcore.models import factory
from dfcore.plugins import registry
from dfcore.training.inputs.choose import choose_videos
from dfcore.training.inputs.prepare import Prepared, prepare_data
from dfcore.training.inputs.samples import make_data
from dfcore.training.runtime.distributed import World
from dfcore.training.trainer import train


@pytest.fixture
def crowded(toy: TrainConfig, toy_plugin: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TrainConfig:
    """Every video shows two people; of each fake, the second one was found to be forged."""

    def two(path: Path, plan: ClipPlan, *, record: VideoRecord, **how: Any) -> list[Clip]:
        clips = toy_plugin.made_clips(path, plan, record=record, **how)
        return [replace(clip, header=replace(clip.header, track=track)) for track in (0, 1) for clip in clips]

    monkeypatch.setattr(dfcore.data.prepare.videos, "extract_clips", two)
    config = override(toy, {"data.store": str(tmp_path / "crowded"), "data.people": 2, "stage.epochs": 1})
    records = prepare_data(config, [registry().specialist("toy")]).records
    store = ClipStore(config.data.store)
    log = ForgedFaceLog(store.root)
    for record in records:
        entry = store.entry(record.id)
        if record.label == FAKE:
            found = tuple(ClipFinding(track, track == 1, 1.0) for track in entry.tracks)
            log.add(ForgedFaces(record.id, found, "mask", size=entry.size))
    return config


def prepared(config: TrainConfig, bystanders: str) -> Prepared:
    return prepare_data(override(config, {"data.bystanders": bystanders}), [registry().specialist("toy")])


def test_what_is_used_follows_the_key(crowded: TrainConfig) -> None:
    store = ClipStore(crowded.data.store)
    by: dict[str, Callable[[VideoRecord], Any]] = {
        "leave_out": lambda record: {1} if record.label == FAKE else None,
        "fake": lambda record: None,
    }
    videos = len(prepared(crowded, "fake").records)
    for bystanders, tracks in by.items():
        found = prepared(crowded, bystanders).records
        assert len(found) == videos
        for record in found:
            own = record.clips and {store.entry(record.id).tracks[clip] for clip in record.clips}
            assert own == tracks(record)
    found = prepared(crowded, "real").records
    fakes = sum(record.label == FAKE for record in found)
    assert len(found) == videos + fakes
    assert all(record.label == REAL for record in found if "~person0" in record.id)


def test_it_is_said(crowded: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    note = next(note for note in prepared(crowded, "leave_out").notes if "several people" in note)
    assert "by the mask" in note
    assert note.endswith("are left out (data.bystanders=leave_out).")
    train(crowded)
    assert "whose face was forged is known of" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_another_choice_is_another_training(crowded: TrainConfig) -> None:
    """So that a run is not resumed with other clips."""
    model = factory.create("toy", backbone="test_efficientnet", pretrained=False)
    chosen = choose_videos(crowded)
    prints = {
        make_data(crowded, model, chosen, prepared(crowded, which), World()).fingerprint
        for which in ("leave_out", "real", "fake")
    }
    assert len(prints) == 3


def test_it_is_evaluated_as_it_was_validated() -> None:
    target = Target("cm", Path("cm.pt"), {"config": {"stage": {"dataset": "a"}, "data": {"bystanders": "real"}}})
    assert as_trained(target, "b")["data.bystanders"] == "real"


def test_another_word_is_refused(toy: TrainConfig) -> None:
    with pytest.raises(ConfigError, match="leave_out"):
        override(toy, {"data.bystanders": "ignore"})
