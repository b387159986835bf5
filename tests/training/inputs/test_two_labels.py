"""Videos whose images and audio have different labels, with and without use of the audio."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dfcore.config import TrainConfig, override
from dfcore.data.records import FAKE, REAL, Scan, VideoRecord
from dfcore.data.store.comparisons import Comparison, ComparisonLog
from dfcore.data.store.origin import Origin
from dfcore.hookspecs import hookimpl
from dfcore.plugins import registry
from dfcore.specs import SpecialistSpec
from dfcore.training.inputs.choose import choose_videos
from dfcore.training.inputs.prepare import prepare_data
from dfcore.training.trainer import train

DUBBED = {1, 2, 4, 7, 10}
"""People whose real video has a cloned voice."""


@pytest.fixture
def toy(toy: TrainConfig, toy_plugin: ModuleType, monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    """Its dataset with two labels each: the images' as before, and the audio's."""
    original = toy_plugin.ToyDataset.scan

    def scan(self: Any, root: Path) -> Scan:
        found = original(self, root)
        return replace(found, records=tuple(voiced(record) for record in found.records))

    monkeypatch.setattr(toy_plugin.ToyDataset, "scan", scan)
    return override(toy, {"stage.epochs": 1, "data.val_share": 0.3})


def voiced(record: VideoRecord) -> VideoRecord:
    if record.label == FAKE:
        return replace(record, audio_label=REAL)
    if int(record.id.split("_")[1]) in DUBBED:
        return replace(record, audio_label=FAKE, manipulation="voice")
    return replace(record, audio_label=REAL)


def seeing() -> SpecialistSpec:
    return registry().specialist("toy")


def hearing() -> SpecialistSpec:
    return replace(seeing(), speech=1.0)


def kinds(records: Sequence[VideoRecord]) -> Counter[tuple[int, int | None, int]]:
    return Counter((record.video_label, record.audio_label, record.label) for record in records)


def test_the_label_follows_what_the_specialist_reads(toy: TrainConfig) -> None:
    assert not seeing().uses_audio
    assert hearing().uses_audio
    eyes, ears = choose_videos(toy, [seeing()]), choose_videos(toy, [hearing()])
    assert kinds(eyes.records) == {(REAL, REAL, REAL): 7, (REAL, FAKE, REAL): 5, (FAKE, REAL, FAKE): 12}
    assert kinds(ears.records) == {(REAL, REAL, REAL): 7, (REAL, FAKE, FAKE): 5, (FAKE, REAL, FAKE): 12}
    assert any(
        "5 videos with real images and fake audio count as real, for toy reads the image" in n for n in eyes.notes
    )
    assert any("5 videos with real images and fake audio count as fake, for toy reads the aud" in n for n in ears.notes)


@pytest.mark.parametrize(("limit", "share"), [(0, 0.1), (0, 0.2), (0, 0.4), (1, 0.3), (2, 0.3)])
def test_every_specialist_has_the_same_videos_in_the_same_splits(toy: TrainConfig, limit: int, share: float) -> None:
    toy = override(toy, {"data.limit": limit, "data.val_share": share})
    several = [choose_videos(toy, specs) for specs in ([seeing()], [hearing()], [seeing(), hearing()], [])]
    videos = [{record.id: record.split for record in chosen.records} for chosen in several]
    assert all(found == videos[0] for found in videos)
    assert {record.label for record in several[1].records if record.split == "train"} == {REAL, FAKE}
    assert kinds(several[2].records) == kinds(several[3].records) == kinds(several[0].records)  # as scanned


def test_a_forged_audio_is_a_method_that_can_be_left_out(toy: TrainConfig) -> None:
    chosen = choose_videos(override(toy, {"data.manipulations": "swap"}), [hearing()])
    assert kinds(chosen.records) == {(REAL, REAL, REAL): 7, (FAKE, REAL, FAKE): 12}
    chosen = choose_videos(override(toy, {"data.manipulations": "voice"}), [hearing()])
    assert kinds(chosen.records) == {(REAL, REAL, REAL): 7, (REAL, FAKE, FAKE): 5}


@pytest.mark.parametrize("only", [False, True])
def test_pseudo_fakes_are_made_of_what_is_real_to_the_specialist(
    toy: TrainConfig, toy_plugin: ModuleType, monkeypatch: pytest.MonkeyPatch, only: bool
) -> None:
    class Forger:
        kinds = ("dark",)

    monkeypatch.setattr(toy_plugin, "Forger", Forger, raising=False)
    toy = override(toy, {"data.pseudo_fakes": 1, "data.pseudo_only": only})
    for spec, dubbed in ((seeing(), True), (hearing(), False)):
        chosen = choose_videos(toy, [replace(spec, pseudo_fake="toy_plugin:Forger")])
        pairs = [record for record in chosen.records if record.forgery is not None]
        assert pairs
        assert Counter(record.label for record in pairs) == {REAL: len(pairs) / 2, FAKE: len(pairs) / 2}
        sources = {int(record.id.split("_")[1]) for record in pairs}
        assert bool(sources & DUBBED) == dubbed
    both = [
        replace(spec, pseudo_fake="toy_plugin:Forger", name=name) for spec, name in ((seeing(), "a"), (hearing(), "b"))
    ]
    pairs = [record for record in choose_videos(toy, both).records if record.forgery is not None]
    assert not {int(r.id.split("_")[1]) for r in pairs if "~b-" in r.id} & DUBBED
    assert {int(r.id.split("_")[1]) for r in pairs if "~a-" in r.id} & DUBBED


def heard_by(toy_plugin: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = hearing()

    @hookimpl
    def dfcore_specialist() -> SpecialistSpec:
        return spec

    monkeypatch.setattr(toy_plugin, "dfcore_specialist", dfcore_specialist)
    registry.cache_clear()


def trained(toy: TrainConfig) -> dict[str, Any]:
    """What a run says of its data, in ``config.json``."""
    result = train(toy, overwrite=True)
    return dict(json.loads((result.folder / "config.json").read_text())["data"])


@pytest.mark.slow
def test_training_counts_by_the_specialists_label_and_both_share_a_store(
    toy: TrainConfig, toy_plugin: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    eyes = trained(toy)
    capsys.readouterr()
    heard_by(toy_plugin, monkeypatch)
    toy_plans = trained(toy)  # of a longer plan: prepared again, once
    capsys.readouterr()
    ears = trained(toy)
    printed = capsys.readouterr().out
    assert ears == toy_plans
    assert " 0 videos prepared now" in printed
    moved = sum(eyes["videos"][split]["real"] - ears["videos"][split]["real"] for split in ("train", "val"))
    assert 0 < moved < len(DUBBED) + 1
    for split in ("train", "val"):
        assert sum(eyes["videos"][split].values()) == sum(ears["videos"][split].values())
    row = next(line.split() for line in printed.splitlines() if line.split()[:1] == ["c23"])
    videos = ears["videos"]
    assert row[1:5] == [str(videos[split][kind]) for split in ("train", "val") for kind in ("real", "fake")]


@pytest.mark.slow
def test_fakes_found_to_have_their_originals_images(
    toy: TrainConfig, toy_plugin: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As DFDC's: the list calls them fake, and what was found in preparing is in the store."""
    scan = toy_plugin.ToyDataset.scan

    def doubted(self: Any, root: Path) -> Scan:
        found = scan(self, root)
        records = (
            replace(r, audio_label=None, original_path=r.path, either_forged=True) if r.label == FAKE else r
            for r in found.records
        )
        return replace(found, records=tuple(records))

    monkeypatch.setattr(toy_plugin.ToyDataset, "scan", doubted)
    toy = override(toy, {"data.store": str(Path(toy.data.store).with_name("doubted"))})
    log = ComparisonLog(Path(toy.data.store))
    fakes = [record for record in choose_videos(toy).records if record.label == FAKE]
    for number, record in enumerate(fakes):
        same = None if number == 0 else number % 2 == 0
        origin = Origin.of(record.path).sampled(record.path)
        log.add(Comparison(record.id, same, "" if number else "lengths differ", origin=origin, original_origin=origin))
    alike = {record.id for number, record in enumerate(fakes) if number and number % 2 == 0}

    for spec in (seeing(), hearing()):
        found = {record.id: record for record in prepare_data(toy, [spec]).records}
        for record in fakes:
            expected = (REAL, FAKE) if record.id in alike else (FAKE, None)
            assert (found[record.id].video_label, found[record.id].audio_label) == expected
            assert found[record.id].label == (FAKE if spec.uses_audio else expected[0])
    counts = trained(toy)["videos"]
    printed = capsys.readouterr().out
    row = next(line.split() for line in printed.splitlines() if line.split()[:1] == ["c23"])
    assert row[1:5] == [str(counts[split][kind]) for split in ("train", "val") for kind in ("real", "fake")]
    assert sum(counts[split]["real"] for split in counts) > sum(counts[split]["fake"] for split in counts)
    assert "fakes were compared with their originals: " in printed
    assert "only their audio is fake" in printed
    assert "1 fakes could not be compared" in printed
    assert "lengths differ" in printed
