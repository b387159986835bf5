"""Whole files: what is explained, that verdicts stay as they are, and what happens where something is missing."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_specialists import TwoFaces, member, predictor
from PIL import Image
from plain_specialist import CHANNELS, SPEC, calibrated, mean_of_speaks, plain

from dfcore.data.clips.plan import ClipPlan
from dfcore.errors import MediaError, UsageError
from dfcore.evaluation.genuine import GenuineNumber, GenuineStatistics, genuine_path
from dfcore.inference import course
from dfcore.inference.explain.explainer import Explainer, explain
from dfcore.inference.explanation import Explained, SpecialistExplanation
from dfcore.inference.models import Member
from dfcore.testing.media import write_video

PLAN = ClipPlan(clips=2, frames=4, people=2)


@pytest.fixture(scope="module")
def spliced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds, bright from the third to the fifth."""

    def image(index: int) -> Any:
        return np.full((240, 400, 3), 220 if 50 <= index < 100 else 60, np.uint8)

    return write_video(tmp_path_factory.mktemp("v") / "spliced.mp4", width=400, height=240, frames=150, image=image)


def known(folder: Path, spec: Any = SPEC, *, statistics: bool = True, scale: float = 10.0) -> Member:
    """A calibrated member that calls bright windows fake."""
    model = plain(cells=mean_of_speaks(scale), spec=spec)
    one = calibrated(member(model, plan=PLAN), folder, 2.0)
    if statistics:
        shape = (CHANNELS, 7, 7)
        numbers = {"light_levels": GenuineNumber(60.0, 5.0, 50.0, 70.0, 30, 6.0, 48.0, 72.0)}
        found = GenuineStatistics(
            "plain", 1, one.hash, "made", 30, np.full(shape, -0.65), np.full(shape, 0.1), {}, numbers
        )
        found.write(genuine_path(one.path))
    return one


def explained(path: Path, one: Member, **options: Any) -> Explained:
    (found,) = Explainer(predictor(one), **options).results([path])
    return found


def test_the_seconds_that_are_bright_are_called_forged(spliced: Path, tmp_path: Path) -> None:
    found = explained(spliced, known(tmp_path))
    for person in found.explanation.people:
        one = person.specialists["plain"]
        assert [(span.start, span.end) for span in one.spans] == [(2.0, 4.0)]
        assert [moment.margin > 0 for moment in one.course] == [False, False, True, True, False, False]  # type: ignore[operator]
        assert one.threshold == pytest.approx(1.9, abs=0.01)
    assert len(found.explanation.people) == 2


def test_finer_clips_give_a_finer_course(spliced: Path, tmp_path: Path) -> None:
    one = explained(spliced, known(tmp_path), every=0.5).explanation.people[0].specialists["plain"]
    assert len(one.course) == 12
    assert (one.spans[0].start, one.spans[0].end) == (2.0, 4.0)


def test_the_verdict_is_that_of_predict_and_the_margin_that_of_the_score(spliced: Path, tmp_path: Path) -> None:
    one = known(tmp_path)
    (result,) = predictor(one).results([spliced])
    found = explained(spliced, one)
    assert found.result == result
    for person, why in zip(result.people, found.explanation.people, strict=True):
        assert person.person == why.person
        assert why.specialists["plain"].margin == pytest.approx(person.specialists["plain"].margin)


def test_the_cue_that_carries_the_score_is_named(spliced: Path, tmp_path: Path) -> None:
    one = explained(spliced, known(tmp_path)).explanation.people[0].specialists["plain"]
    assert one.margin is not None
    speaks, silent = one.cues
    assert speaks.effect == pytest.approx(one.margin - 10 * -0.65, abs=1e-3)
    assert silent.effect == pytest.approx(0, abs=1e-4)
    assert [region.on for region in one.regions] == ["face", "cue map"]
    assert one.samples == 4


def test_the_sentence_says_where(spliced: Path, tmp_path: Path) -> None:
    one = known(tmp_path, replace(SPEC, finding="plain_specialist:Light"))
    why = explained(spliced, one).explanation.people[0].specialists["plain"]
    assert why.finding.startswith("The window is brighter at 2.0-4.0 s: 20")
    assert set(why.numbers) == {"light_levels", "light_levels_deviation_sd"}


def test_without_a_finding_and_without_statistics_it_is_said(spliced: Path, tmp_path: Path) -> None:
    one = explained(spliced, known(tmp_path, statistics=False)).explanation.people[0].specialists["plain"]
    assert one.finding == "Its plugin says nothing in words."
    assert one.cues == ()
    assert [region.on for region in one.regions] == ["face"]
    assert "no statistics of genuine videos" in one.notes[0]
    assert "dfcore calibrate" in one.notes[0]


def test_a_cue_map_without_places_has_no_map_of_them(spliced: Path, tmp_path: Path) -> None:
    one = known(tmp_path, replace(SPEC, spatial_map=False))
    why = explained(spliced, one).explanation.people[0].specialists["plain"]
    assert [region.on for region in why.regions] == ["face"]
    assert why.attention is None
    assert len(why.cues) == 2


def test_key_frames_are_images_with_their_boxes(spliced: Path, tmp_path: Path) -> None:
    person = explained(spliced, known(tmp_path)).explanation.people[0]
    assert len(person.frames) == 2
    for frame in person.frames:
        image = Image.open(io.BytesIO(frame.image))
        assert (image.format, image.size) == ("JPEG", frame.size)
        x0, y0, x1, y1 = frame.face
        assert 0 <= x0 < x1 <= frame.size[0]
        assert 0 <= y0 < y1 <= frame.size[1]
        assert frame.face_view[2] - frame.face_view[0] > max(x1 - x0, y1 - y0)
    dark, bright = (np.asarray(Image.open(io.BytesIO(frame.image))).mean() for frame in person.frames)
    assert dark < 80 < 200 < bright or bright < 80  # the frames are those of their times
    assert person.frames[0].frame == round(person.frames[0].time * 25)


def test_it_is_plain_json_with_the_facts_and_without_images(spliced: Path, tmp_path: Path) -> None:
    found = explained(spliced, known(tmp_path))
    plain_ = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain_["verdict"] == found.result.verdict
    facts = plain_["explanation"]["facts"]
    assert (facts["codec"], facts["frames"], facts["irregular_steps"]) == ("h264", 150, 0)
    assert "image" not in plain_["explanation"]["people"][0]["frames"][0]


def test_a_specialist_that_abstains_has_its_reason_and_nothing_else(spliced: Path, tmp_path: Path) -> None:
    spec = replace(SPEC, abstain_reason=f"{__name__}:never")
    (found,) = Explainer(predictor(known(tmp_path, spec))).results([spliced])
    person = found.explanation.people[0]
    assert person.specialists["plain"] == SpecialistExplanation("plain", "Plain", abstained="it never does")


def never(_: object) -> str:
    return "it never does"


def test_a_course_that_breaks_off_is_a_note_and_the_rest_stands(
    spliced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = course.extract_along

    def breaks(path: Path, *args: Any, **options: Any) -> Any:
        yield next(whole(path, *args, **options))
        raise MediaError(f"{path}: broken off.")

    monkeypatch.setattr("dfcore.data.prepare.along.STRETCH", 2)
    monkeypatch.setattr(course, "extract_along", breaks)
    found = explained(spliced, known(tmp_path))
    assert "broken off" in found.explanation.notes[0]
    one = found.explanation.people[0].specialists["plain"]
    assert [moment.start for moment in one.course] == [0.0, 1.0]
    assert one.cues


def test_what_cannot_be_judged_has_nobody_in_its_explanation(tmp_path: Path) -> None:
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    (found,) = Explainer(predictor(known(tmp_path))).results([], [(empty, "it is empty")])
    assert (found.result.verdict, found.explanation.people) == ("none", ())


def test_a_photo_has_no_course(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.fromarray(np.full((240, 400, 3), 220, np.uint8)).save(photo)
    found = explained(photo, known(tmp_path))
    one = found.explanation.people[0].specialists["plain"]
    assert (one.course, one.spans) == ((), ())
    assert one.cues[0].effect > 0
    assert (found.explanation.facts["codec"], found.explanation.notes) == ("png", ())


def test_seconds_between_clips_must_be_above_zero(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="more than 0 seconds apart"):
        Explainer(predictor(known(tmp_path)), every=0)


@pytest.mark.slow
def test_the_library_explains_files_with_weights_in_a_process_of_its_own(
    two_people: Path, tmp_path: Path, save_specialist: Any
) -> None:
    weights = save_specialist(tmp_path)
    alone, isolated = (
        next(explain(two_people, weights, detector="fake_parts:FixedFace", device="cpu", isolate=isolate))
        for isolate in (False, True)
    )
    assert isolated.to_dict() == alone.to_dict()
    one = alone.explanation.people[0].specialists["cm"]
    assert len(one.course) == 4
    assert one.finding.startswith("Measured, and not compared")


def test_detectors_are_those_of_the_predictor(spliced: Path, tmp_path: Path) -> None:
    looks = []

    class Counting(TwoFaces):
        def detect(self, image: Any) -> Any:
            looks.append(image.shape)
            return super().detect(image)

    next(Explainer(predictor(known(tmp_path), detector=Counting())).results([spliced]))
    assert len(looks) > 12  # two at the ends of each of six clips along the video, beside those of the verdict
