"""Two labels, one answer: what a detector is to say of a video whose pictures and sound may differ.

A video with real pictures and a cloned voice is real to a detector that sees alone, and fake to one that hears. Records
carry both (:class:`dfcore.data.records.VideoRecord`), the clip store keeps both, and the one that a specialist is
trained and judged on follows from what it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dfcore.data.records import FAKE, REAL, VideoRecord

if TYPE_CHECKING:
    from dfcore.data.prepare.comparison import Comparison

__all__ = ["judged", "marked"]


def judged(records: Iterable[VideoRecord], *, hears: bool) -> list[VideoRecord]:
    """The records with the label for a detector that hears (fake if any part is) or sees alone (that of the pictures).

    The other label is not lost: ``judged`` can be called again either way.
    """
    return [_judged(record, hears) for record in records]


def _judged(record: VideoRecord, hears: bool) -> VideoRecord:
    label = FAKE if hears and record.sound == FAKE else record.seen
    if label == record.label:
        return record
    return replace(record, label=label, visual=None if label == record.seen else record.seen)


def marked(records: Iterable[VideoRecord], comparisons: Mapping[str, Comparison]) -> list[VideoRecord]:
    """The records; fakes that were found to show their original's pictures have real pictures and a fake sound."""
    return [
        replace(record, label=REAL, visual=None, sound=FAKE)
        if record.twin is not None and record.id in comparisons and comparisons[record.id].same
        else record
        for record in records
    ]
