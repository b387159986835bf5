"""Which of a fake's people are labelled fake: those whose face was forged. The others in it are *bystanders*.

A fake's label says that somebody in it was forged. A video that shows one person keeps its label, and so does a video
whose people are all genuine. Of a fake that shows several:

=============  =====================================================================================================
``leave_out``  whose face was forged is fake; nobody else is trained on, validated or evaluated
``real``       whose face was forged is fake; a person who was found not to be forged is a real video of its own
``fake``       everybody is fake, whatever was found
=============  =====================================================================================================

Where it cannot be told whose face was forged (there is neither a mask nor an original, or they do not tell), the most
prominent person is taken for it, and nobody else is used (but with ``fake``): most fakes are made of the person that
fills the image, and nothing is known of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dfcore.data.records import FAKE, REAL, VideoRecord
from dfcore.data.store.forged_faces import MASK, ORIGINAL, ForgedFaces
from dfcore.data.store.index import IndexEntry
from dfcore.text import count_of

__all__ = ["BYSTANDERS", "FoundPeople", "by_person", "found_people"]

BYSTANDERS = ("leave_out", "real", "fake")
"""What the people in a fake whose face was not forged are."""


def by_person(
    records: Iterable[VideoRecord],
    entries: Mapping[str, IndexEntry],
    findings: Mapping[str, ForgedFaces],
    bystanders: str = "leave_out",
    *,
    uses_audio: bool = False,
) -> list[VideoRecord]:
    """The records, those of fakes with several people with the clips (``clips``) that their label belongs to.

    Args:
        records: with the labels of their images; all are in the store.
        entries: the store's, by video id.
        findings: whose face was forged, by video id.
        bystanders: one of ``BYSTANDERS``.
        uses_audio: the labels are for a detector that uses the audio: then a bystander is real only where the audio is
            known to be.
    """
    found: list[VideoRecord] = []
    for record in records:
        entry = entries[record.store_id]
        if bystanders == "fake" or not _shows_several(record, entry):
            found.append(record)
            continue
        finding = _finding(record, entry, findings)
        found.append(replace(record, clips=_forged_clips(entry, finding)))
        if bystanders == "real" and finding is not None and (record.audio_label == REAL or not uses_audio):
            found += _bystanders(record, finding)
    return found


def _shows_several(record: VideoRecord, entry: IndexEntry) -> bool:
    return record.video_label == FAKE and len(set(entry.tracks)) > 1


def _finding(record: VideoRecord, entry: IndexEntry, findings: Mapping[str, ForgedFaces]) -> ForgedFaces | None:
    """What was found of the clips that are in the store now, where it tells something."""
    finding = findings.get(record.store_id)
    return finding if finding is not None and finding.means and finding.speaks_of(entry) else None


def _forged_clips(entry: IndexEntry, finding: ForgedFaces | None) -> tuple[int, ...]:
    """Of the people whose face was forged; without a finding, of the most prominent person."""
    if finding is None:
        return tuple(i for i, track in enumerate(entry.tracks) if track == min(entry.tracks))
    return tuple(i for i, clip in enumerate(finding.clips) if clip.forged)


def _bystanders(record: VideoRecord, finding: ForgedFaces) -> list[VideoRecord]:
    """A real record of each person whose face was found not to be forged."""
    genuine = sorted({clip.track for clip in finding.clips if clip.forged is False})
    return [
        replace(
            record,
            id=f"{record.id}~person{track}",
            stored=record.store_id,
            clips=tuple(i for i, clip in enumerate(finding.clips) if clip.track == track),
            label=REAL,
            visual_label=None,
            manipulation="original",
            original="",
            original_path=None,
            either_forged=False,
            mask=None,
        )
        for track in genuine
    ]


@dataclass(frozen=True, slots=True)
class FoundPeople:
    """How often it was found out whose face was forged.

    Attributes:
        fakes: how many fakes there are.
        several: of these, how many show several people.
        by_mask, by_original: of these, for how many the mask or the difference from the original told it.
        bystanders: people in these who were found not to be forged.
        reason: why it could not be told of the first of the others; "" where there is none.
    """

    fakes: int
    several: int
    by_mask: int
    by_original: int
    bystanders: int
    reason: str = ""

    @property
    def unknown(self) -> int:
        """How many show several people, and it could not be told."""
        return self.several - self.by_mask - self.by_original

    def sentences(self, bystanders: str) -> list[str]:
        """What was found, and what follows for the labels; nothing where no fake shows several people."""
        if not self.several:
            return []
        told = (
            f"{self.several:,} of {count_of(self.fakes, 'fake')} {'shows' if self.several == 1 else 'show'} several "
            f"people: whose face was forged is known of {self.by_mask:,} by the mask and of {self.by_original:,} by "
            f"the original, and unknown of {self.unknown:,}"
        )
        whose = count_of(self.bystanders, "bystander")
        labels = {
            "leave_out": f"{whose} {'is' if self.bystanders == 1 else 'are'} left out",
            "real": f"{whose} {'counts' if self.bystanders == 1 else 'count'} as real",
            "fake": "everybody in them counts as fake",
        }[bystanders]
        found = [f"{told}. {labels[0].upper()}{labels[1:]} (data.bystanders={bystanders})."]
        if self.unknown and bystanders != "fake":
            found.append(
                f"Where it is unknown, the most prominent person is taken for it and the others are left out; the "
                f"first: {self.reason}"
            )
        return found


def found_people(
    records: Iterable[VideoRecord], entries: Mapping[str, IndexEntry], findings: Mapping[str, ForgedFaces]
) -> FoundPeople:
    """How often it was found out whose face was forged in the fakes among the records; all are in the store."""
    fakes = [record for record in records if record.video_label == FAKE]
    several = [record for record in fakes if _shows_several(record, entries[record.store_id])]
    known = {record.id: _finding(record, entries[record.store_id], findings) for record in several}
    told = [finding for finding in known.values() if finding is not None]
    reasons = [
        f"{record.id}: {findings[record.id].reason}"
        if record.id in findings
        else f"{record.id}: there is neither a mask nor an original."
        for record in several
        if known[record.id] is None
    ]
    return FoundPeople(
        len(fakes),
        len(several),
        sum(finding.means == MASK for finding in told),
        sum(finding.means == ORIGINAL for finding in told),
        sum(len({clip.track for clip in finding.clips if clip.forged is False}) for finding in told),
        next(iter(reasons), ""),
    )
