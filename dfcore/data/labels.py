"""Two labels, one answer: what a detector is to say of a video whose images and audio may differ.

A video with real images and a cloned voice is real to a detector that reads the images alone, and fake to one that
uses the audio. Records carry both (:class:`dfcore.data.records.VideoRecord`), the clip store keeps both, and the one
that a specialist is trained and evaluated on follows from what it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dfcore.data.records import FAKE, REAL, VideoRecord
from dfcore.specs import SpecialistSpec

if TYPE_CHECKING:
    from dfcore.data.store.comparisons import Comparison

__all__ = ["labelled_for", "uses_audio", "with_comparisons"]


def labelled_for(records: Iterable[VideoRecord], *, uses_audio: bool) -> list[VideoRecord]:
    """The records with the label for one that uses the audio (fake if any part is) or sees alone (that of the images).

    The other label is not lost: ``labelled_for`` can be called again either way.
    """
    return [_labelled(record, uses_audio) for record in records]


def _labelled(record: VideoRecord, uses_audio: bool) -> VideoRecord:
    label = FAKE if uses_audio and record.audio_label == FAKE else record.video_label
    if label == record.label:
        return record
    return replace(record, label=label, visual_label=None if label == record.video_label else record.video_label)


def with_comparisons(records: Iterable[VideoRecord], comparisons: Mapping[str, Comparison]) -> list[VideoRecord]:
    """The records; fakes that were found to show their original's images have real images and fake audio."""
    return [
        replace(record, label=REAL, visual_label=None, audio_label=FAKE)
        if record.original_path is not None and record.id in comparisons and comparisons[record.id].same
        else record
        for record in records
    ]


def uses_audio(specs: Sequence[SpecialistSpec]) -> bool:
    """Whose labels records have: without a specialist, or for several that differ, those of the images."""
    return bool(specs) and all(spec.uses_audio for spec in specs)
