"""What an explanation consists of: frozen results that know their dictionaries.

A cue, a region or a span counts as a reason for "fake" only by its *effect*: how much lower the margin is without it.
One of less than :data:`LEAST_EFFECT` is no reason, and is drawn as faint as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dfcore.inference.results import FileResult

__all__ = [
    "LEAST_EFFECT",
    "CueEffect",
    "Explained",
    "FileExplanation",
    "KeyFrame",
    "Map",
    "Moment",
    "PersonExplanation",
    "RegionEffect",
    "Span",
    "SpecialistExplanation",
    "with_explanation",
]

LEAST_EFFECT = 0.05
"""Log-odds: less moves no probability by more than 1.25 points, and is within what rounding and re-encoding do."""

Map = tuple[tuple[float, ...], ...]
"""7 rows of 7 numbers, one for each cell."""


@dataclass(frozen=True, slots=True)
class CueEffect:
    """One cue: how unlike genuine videos its channels are, and what the margin is without it.

    Attributes:
        cue: its announced name.
        channels: how many channels it has.
        deviation: root mean square, over its channels and cells, of the distance to the mean of genuine videos in
            standard deviations of genuine videos; None where no such statistics are kept with the weights.
        effect: the margin minus the margin with its channels replaced by their genuine mean (log-odds, natural
            logarithm); positive where the cue speaks for "fake".
        random_effect: the mean effect of as many channels of other cues, drawn at random: what taking away anything
            costs.
        usual: the deviation that 19 of 20 genuine videos stay below; None where too few are known.
    """

    cue: str
    channels: int
    deviation: float | None
    effect: float
    random_effect: float
    usual: float | None = None


@dataclass(frozen=True, slots=True)
class RegionEffect:
    """Which part of the image the margin rests on.

    Attributes:
        on: ``face`` (what the backbone sees) or ``cue map`` (what the cue module measured).
        effects: the margin minus the margin with each cell hidden; positive where the cell speaks for "fake".
        cells: the strongest cells, (row, column), that were hidden together.
        effect: the margin minus the margin without these cells together.
        random_effect: the mean effect of as many cells drawn at random.
    """

    on: str
    effects: Map
    cells: tuple[tuple[int, int], ...]
    effect: float
    random_effect: float


@dataclass(frozen=True, slots=True)
class Moment:
    """The margin of one clip along the video, and the stretch that the clip stands for; times in seconds.

    ``margin`` is None where the specialist abstains.
    """

    start: float
    end: float
    margin: float | None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch that is called forged; seconds. ``margin`` is the mean over its moments."""

    start: float
    end: float
    margin: float


@dataclass(frozen=True, slots=True)
class SpecialistExplanation:
    """What one specialist's score of one person rests on.

    Attributes:
        label: the specialist's.
        title: its announced title.
        margin: over the samples explained; None where it abstains.
        abstained: why there is nothing to explain, or "".
        finding: one sentence of what its cue module measured, true of the numbers; or that it found nothing.
        numbers: what the sentence rests on, by name with the unit in it (``delay_ms``).
        cues: in the announced order.
        regions: on the face and on the cue map.
        attention: where the attention head looked; never a reason.
        course: the margin through the video, in order.
        spans: the stretches of it that are called forged.
        threshold: the margin from which a moment is called forged; None where nothing says.
        threshold_from: in words, where the threshold is from, or why there is none.
        samples: how many samples the effects of cues are means over.
        notes: what could not be tested, and why.
    """

    label: str
    title: str
    margin: float | None = None
    abstained: str = ""
    finding: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    cues: tuple[CueEffect, ...] = ()
    regions: tuple[RegionEffect, ...] = ()
    attention: Map | None = None
    course: tuple[Moment, ...] = ()
    spans: tuple[Span, ...] = ()
    threshold: float | None = None
    threshold_from: str = ""
    samples: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """One frame that was judged.

    Attributes:
        time: seconds.
        frame: its number in the video.
        image: a JPEG of the clip's window.
        size: width and height of that image in pixels.
        face: the box of the face in it, ``(x0, y0, x1, y1)``.
        window: the box that the cue map's 7x7 cells lie over in it.
        face_view: the box that the 7x7 cells of the region ``face`` lie over in it.
    """

    time: float
    frame: int
    image: bytes
    size: tuple[int, int]
    face: tuple[float, float, float, float]
    window: tuple[float, float, float, float]
    face_view: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class PersonExplanation:
    """One person: what each specialist's score rests on, by label, and the frames that show it."""

    person: int
    specialists: Mapping[str, SpecialistExplanation]
    frames: tuple[KeyFrame, ...] = ()


@dataclass(frozen=True, slots=True)
class FileExplanation:
    """One file: its people, and facts of the container (codec, frame rate, ...) that are no verdict.

    ``facts`` are those of :func:`dfcore.data.media.facts.media_facts`; ``notes`` say what could not be explained.
    """

    path: Path
    people: tuple[PersonExplanation, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The explanation as ``json`` takes it, without the images."""
        plain = asdict(self)
        plain["path"] = str(self.path)
        for person in plain["people"]:
            for frame in person["frames"]:
                del frame["image"]
        return plain


@dataclass(frozen=True, slots=True)
class Explained:
    """A file's result, and what it rests on."""

    result: FileResult
    explanation: FileExplanation

    def to_dict(self) -> dict[str, Any]:
        """The result as ``json`` takes it, with the explanation under ``explanation``."""
        return with_explanation(self.result, self.explanation)


def with_explanation(result: FileResult, explanation: FileExplanation | None) -> dict[str, Any]:
    """A result as ``json`` takes it, with its explanation under ``explanation`` where there is one."""
    plain = result.to_dict()
    return plain if explanation is None else {**plain, "explanation": explanation.to_dict()}
