from __future__ import annotations

from pathlib import Path

import pytest

from dfcore.data.labels import labelled_for, with_comparisons
from dfcore.data.records import FAKE, REAL, VideoRecord
from dfcore.data.store.comparisons import Comparison

HERE = Path("x.mp4")


def record(label: int, audio: int | None, **more: object) -> VideoRecord:
    return VideoRecord("x", HERE, label, audio_label=audio, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("images", "audio", "with_audio"),
    [
        (REAL, REAL, REAL),
        (REAL, FAKE, FAKE),
        (FAKE, REAL, FAKE),
        (FAKE, FAKE, FAKE),
        (REAL, None, REAL),
        (FAKE, None, FAKE),
    ],
)
def test_any_part_is_fake_to_one_that_uses_audio_and_the_images_decide_for_the_others(
    images: int, audio: int | None, with_audio: int
) -> None:
    scanned = record(images, audio)
    (relabelled,) = labelled_for([scanned], uses_audio=True)
    assert (relabelled.label, relabelled.video_label, relabelled.audio_label) == (with_audio, images, audio)
    assert labelled_for([scanned], uses_audio=False) == [scanned]
    assert labelled_for([relabelled], uses_audio=True) == [relabelled]
    assert labelled_for([relabelled], uses_audio=False) == [scanned]  # neither label is lost


def test_a_fake_with_its_originals_images_has_real_images_and_a_fake_audio() -> None:
    fake = record(FAKE, None, original_path=Path("original.mp4"))
    (found,) = with_comparisons([fake], {"x": Comparison("x", True)})
    assert (found.label, found.video_label, found.audio_label) == (REAL, REAL, FAKE)
    assert labelled_for([found], uses_audio=True)[0].label == FAKE
    for other in (Comparison("x", False), Comparison("x", None, "lengths differ")):
        assert with_comparisons([fake], {"x": other}) == [fake]
    assert with_comparisons([fake], {}) == [fake]


def test_only_what_was_to_be_compared_is_marked() -> None:
    """A store may hold an old comparison of a video whose original is no longer there."""
    fake = record(FAKE, None)
    assert with_comparisons([fake], {"x": Comparison("x", True)}) == [fake]
