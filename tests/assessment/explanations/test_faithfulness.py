"""Faithfulness, of a specialist whose margin is known: the brightness of its window, as one of its two cues has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from plain_specialist import CHANNELS, mean_of_speaks, plain
from two_people import HEIGHT, PLAN, RIGHT, WIDTH, box, write, write_mask

from dfcore.assessment.explanations.faithfulness import measure_faithfulness
from dfcore.assessment.scores.decisions import Decisions
from dfcore.console.progress import SILENT
from dfcore.data.prepare.extract import extract_clips
from dfcore.data.records import FAKE, REAL, VideoRecord
from dfcore.data.samples import ClipSamples
from dfcore.data.store.clip_store import ClipStore
from dfcore.evaluation.genuine import GenuineStatistics, genuine_path
from dfcore.evaluation.report import Threshold
from dfcore.evaluation.scored import ScoredVideo

Measure = Callable[..., dict[str, Any]]
X0, Y0, X1, Y1 = box(RIGHT)
PART = (X0 + 8, Y0 + 8, X1 - 8, Y1 - 8)
"""What was forged: a bright square in the face on the right."""


def grey(bright: bool) -> Callable[[int], np.ndarray]:
    image = np.full((HEIGHT, WIDTH, 3), 125, np.uint8)
    if bright:
        image[PART[1] : PART[3], PART[0] : PART[2]] = 225
    return lambda index: image


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[ClipStore, VideoRecord]:
    """A store with a fake, whose record has the forged person's clips, its mask and its original."""
    root = tmp_path_factory.mktemp("scene")
    fake, original = (write(root / f"{name}.mp4", grey(name == "fake")) for name in ("fake", "original"))
    mask = write_mask(root / "mask.mp4", [PART])
    store = ClipStore(root / "store")
    clips = [clip for clip in extract_clips(fake, PLAN) if clip.header.track == 1]
    store.write("fake", clips)
    return store, VideoRecord("fake", fake, FAKE, mask=mask, original_path=original)


@pytest.fixture
def measure(scene: tuple[ClipStore, VideoRecord], tmp_path: Path) -> Measure:
    """Runs it on the fake, with the threshold at a share of the fake's margin."""
    store, record = scene
    weights = tmp_path / "plain_stage1_final.pt"
    shape = (CHANNELS, 7, 7)
    GenuineStatistics("plain", 1, "hash", "made", 9, np.zeros(shape), np.ones(shape)).write(genuine_path(weights))

    def run(share: float = 0.5, record: VideoRecord = record, hash_: str = "hash", label: int = FAKE) -> dict[str, Any]:
        model = plain(cells=mean_of_speaks(10.0))
        margin = margin_of(model, store)
        return measure_faithfulness(
            model,
            weights,
            hash_,
            store,
            [record],
            [ScoredVideo("fake", label, margin=margin), ScoredVideo("quiet", REAL, margin=-1.0)],
            Decisions(Threshold(share * margin, "false_alarms_5")),
            samples=4,
            clip_frames=4,
            device=torch.device("cpu"),
            bar=lambda count: SILENT.bar("faithfulness", count),
        )

    return run


def value(figures: dict[str, Any], name: str) -> float:
    """Of a figure with its interval."""
    found = figures[name]["value"]
    assert isinstance(found, float)
    return found


def margin_of(model: Any, store: ClipStore) -> float:
    names, record = ("face", "tiles"), VideoRecord("fake", Path(), FAKE)
    data = ClipSamples([record], store, names, image_size=28, samples_per_video=4)
    views = {name: torch.stack([data[i]["views"][name] for i in range(len(data))]) for name in names}
    with torch.inference_mode():
        logits = model(views).logits
    return float((logits[:, 1] - logits[:, 0]).mean())


def test_the_cue_that_carries_the_score_is_named_and_flips_it_alone(measure: Measure) -> None:
    found = measure()
    assert (found["called_fake"], found["videos"], found["fakes"]) == (1, 1, 1)
    assert found["basis"] == "operating point false_alarms_5"
    assert found["named_cues"] == {"speaks": 1}
    assert found["cue"]["videos"] == 1
    assert value(found["cue"], "flips") == 1.0
    assert value(found["cue"], "flips_random") == 0.0
    assert value(found["cue"], "flips_difference") == 1.0


def test_the_brightest_cells_flip_it_and_random_ones_seldom(measure: Measure) -> None:
    found = measure(share=0.75)["cue_map_cells"]
    assert value(found, "flips") == 1.0
    assert value(found, "flips_random") < 0.5
    never = measure(share=-1e6)["cue_map_cells"]
    assert (value(never, "flips"), value(never, "flips_random")) == (0.0, 0.0)


def test_a_face_that_says_nothing_has_no_cells_to_name(measure: Measure) -> None:
    found = measure()
    assert found["face_cells"]["unnamed"] == 1
    assert found["face_cells"]["flips"]["value"] is None
    assert found["face_cells"]["flips"]["reason"] == "nothing is named in any video called fake"
    assert found["localisation"]["face"] is None


@pytest.mark.parametrize("means", ["mask", "original"])
def test_the_cue_map_lies_on_the_forged_square(
    measure: Measure, scene: tuple[ClipStore, VideoRecord], means: str
) -> None:
    record = scene[1] if means == "mask" else replace(scene[1], mask=None)
    found = measure(record=record)
    assert found["forged_region_by"] == {means: 1}
    where = found["localisation"]["cue_map"]
    assert (where["videos"], value(where, "pointing")) == (1, 1.0)
    assert value(where, "pointing_chance") < 0.5
    assert value(where, "iou") > 0.6 > value(where, "iou_chance")
    assert value(where, "iou_difference") == pytest.approx(value(where, "iou") - value(where, "iou_chance"))


def test_without_mask_and_original_the_place_is_unknown(measure: Measure, scene: tuple[ClipStore, VideoRecord]) -> None:
    found = measure(record=replace(scene[1], mask=None, original_path=None))
    assert found["localisation"] == {"face": None, "cue_map": None}
    assert found["forged_region_unknown"] == 1
    assert "neither a mask nor an original" in found["forged_region_reason"]


def test_without_statistics_of_genuine_videos_the_face_alone_is_tested(measure: Measure) -> None:
    found = measure(hash_="of other weights")
    assert found["cue"] is None
    assert found["cue_map_cells"] is None
    assert "only the face was tested" in found["note"]


def test_a_fake_that_is_not_called_so_still_falls_without_what_carries_its_margin(measure: Measure) -> None:
    cue = measure(share=2.0)["cue"]
    whole = measure(share=0.5)["cue"]
    assert cue["fakes"] == whole["fakes"] == 1
    assert value(cue, "fall") == value(whole, "fall") > 1.0
    assert value(cue, "fall_random") == pytest.approx(0.0)
    assert "one identity" not in cue["fall"]["reason"] or cue["fall"]["low"] is None


def test_nothing_called_fake_gives_no_figure(measure: Measure) -> None:
    found = measure(share=2.0)
    assert (found["called_fake"], found["videos"], found["named_cues"]) == (0, 0, {})
    assert found["cue"]["flips"]["value"] is None
    assert found["cue"]["flips"]["reason"] == "no video is called fake"
    assert found["localisation"]["cue_map"]["videos"] == 1, "where the map of a missed fake lies is known all the same"
