"""Verdicts: what is scored, what abstains, what a table shows. The model is a stand-in with known answers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from dfcore.cli.predict import _rows
from dfcore.data.prepare.extract import ClipPlan
from dfcore.data.protocols import Face
from dfcore.errors import CheckpointError
from dfcore.inference import predict
from dfcore.inference.models import find_models
from dfcore.models.protocols import SpecialistOutput
from dfcore.specs import CueSpec, SpecialistSpec
from dfcore.testing.media import write_broken, write_video

SPEC = SpecialistSpec("still", "Stand-in", (CueSpec("one", 2),))


class TwoFaces:
    """Always the same two faces, the left one larger."""

    def detect(self, image: Any) -> list[Face]:
        height, width = image.shape[:2]
        boxes = ((0.05, 0.2, 0.4, 0.8), (0.6, 0.3, 0.85, 0.7))
        points = ((0.4, 0.4), (0.6, 0.4), (0.5, 0.5), (0.4, 0.6), (0.6, 0.6))
        found = []
        for a, b, c, d in boxes:
            marks = tuple(((a + x * (c - a)) * width, (b + y * (d - b)) * height) for x, y in points)
            found.append(Face((a * width, b * height, c * width, d * height), 0.9, marks))
        return found


class BrightIsFake:
    """A specialist that calls bright faces fake: its logit is the mean of the face view."""

    image_size = 32
    view_names = ("face",)

    def __init__(self, spec: SpecialistSpec = SPEC, sign: float = 1.0) -> None:
        self.spec, self.sign = spec, sign

    def __call__(self, views: dict[str, torch.Tensor]) -> SpecialistOutput:
        mean = self.sign * views["face"].mean((1, 2, 3))
        logits = torch.stack([torch.zeros_like(mean), mean], 1)
        return SpecialistOutput(logits, -logits, torch.zeros(1), torch.zeros(1), torch.zeros(()))


def never(access: Any) -> str | None:
    return f"nothing to hear in {access.source.codec}"


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def image(_: int) -> Any:
        import numpy as np

        image = np.full((240, 400, 3), 30, np.uint8)
        image[:, 200:] = 220  # the person on the right is the bright one
        return image

    return write_video(tmp_path_factory.mktemp("v") / "two.mp4", width=400, height=240, frames=16, image=image)


PLAN = ClipPlan(clips=2, frames=4, people=2)


def judge(path: Path, *models: BrightIsFake) -> predict.FileVerdict:
    return predict.predict_file(path, models, PLAN, samples=4, detector=TwoFaces())  # type: ignore[arg-type]


def test_the_file_has_the_score_of_the_person_most_likely_fake(video: Path) -> None:
    verdict = judge(video, BrightIsFake())
    scores = {person.person: person.score for person in verdict.people}
    assert len(scores) == 2
    assert min(scores.values()) < 0.2 < 0.8 < max(scores.values())  # type: ignore[type-var]
    assert verdict.score == max(scores.values())  # type: ignore[type-var]
    assert verdict.verdict == "fake"
    bright = max(verdict.people, key=lambda person: person.score or 0)
    assert bright.box[0] > 200
    assert bright.cues["still"] == pytest.approx(1 - (bright.score or 0), abs=1e-5)


def test_several_specialists_are_averaged(video: Path) -> None:
    other = dataclasses.replace(SPEC, name="contrary")
    verdict = judge(video, BrightIsFake(), BrightIsFake(other, sign=-1))
    assert [person.score for person in verdict.people] == pytest.approx([0.5, 0.5], abs=1e-5)
    assert set(verdict.specialists) == {"still", "contrary"}


def test_a_specialist_abstains_with_its_reason(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = dataclasses.replace(SPEC, name="silent", abstain_reason="made:never")
    monkeypatch.setattr(predict, "resolve", lambda path: never)
    alone = judge(video, BrightIsFake(silent))
    assert (alone.score, alone.verdict) == (None, "none")
    assert "nothing to hear in h264" in alone.reason
    together = judge(video, BrightIsFake(silent), BrightIsFake())
    assert together.score == judge(video, BrightIsFake()).score
    assert all("silent" in person.abstained for person in together.people)


@pytest.mark.parametrize("kind", ["text", "empty", "noise"])
def test_a_file_that_cannot_be_read_gives_the_reason(tmp_path: Path, kind: str) -> None:
    verdict = judge(write_broken(tmp_path / "bad.mp4", kind), BrightIsFake())
    assert verdict.verdict == "none"
    assert "bad.mp4" in verdict.reason


def test_a_video_without_faces_gives_the_reason(video: Path) -> None:
    blind = SimpleNamespace(detect=lambda image: [])
    verdict = predict.predict_file(video, [BrightIsFake()], PLAN, detector=blind)  # type: ignore[list-item, arg-type]
    assert verdict.verdict == "none"
    assert "no face" in verdict.reason


def test_the_table_has_a_row_for_each_person_and_one_for_the_file(video: Path) -> None:
    rows = _rows(judge(video, BrightIsFake()), ["still"])
    assert [row[1] for row in rows] == ["0", "1", "all"]
    assert "fake" in rows[-1][-1]
    reason = predict.FileVerdict(Path("[x].mp4"), None, reason="because")
    assert _rows(reason, ["still"]) == [("\\[x].mp4", "", "", "", "none: because")]


def test_folders_are_opened(tmp_path: Path) -> None:
    for name in ("b.mp4", "a/c.mp4", ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert predict.scan_files([tmp_path, Path("x.mp4")]) == [tmp_path / "a/c.mp4", tmp_path / "b.mp4", Path("x.mp4")]


def test_the_highest_stage_of_each_specialist_is_found(tmp_path: Path) -> None:
    for name in ("cm_stage1", "cm_stage2", "rr_stage1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}_final.pt").touch()
    assert [path.name for path in find_models(tmp_path)] == ["cm_stage2_final.pt", "rr_stage1_final.pt"]
    assert find_models(tmp_path / "cm_stage1/cm_stage1_final.pt")[0].name == "cm_stage1_final.pt"
    with pytest.raises(CheckpointError, match="does not exist"):
        find_models(tmp_path / "nowhere")
