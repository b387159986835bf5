"""What is said of a file: frozen results that know their dictionaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["VERDICTS", "FileResult", "PersonResult", "SpecialistScore"]

VERDICTS = ("fake", "real", "uncertain", "none")


@dataclass(frozen=True, slots=True)
class SpecialistScore:
    """What one specialist says of one person.

    Attributes:
        score: the raw probability of "fake", the logistic function of ``margin``; None where it abstains.
        margin: the mean over the samples of the classifier's log-odds of "fake" (natural logarithm).
        cue_score: the same of the cue head alone.
        samples: how many samples the mean is taken over.
        abstained: why there is no score, or "".
        counted: whether the person's fused score includes it.
    """

    score: float | None = None
    margin: float | None = None
    cue_score: float | None = None
    samples: int = 0
    abstained: str = ""
    counted: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The score as ``json`` takes it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PersonResult:
    """One person in one file.

    Attributes:
        person: number in the file, 0 for the most prominent.
        verdict: ``fake``, ``real``, ``uncertain`` or ``none``.
        score, margin: fused over the specialists; None where all abstain. ``score`` is what the margin is worth as a
            raw probability, not a calibrated one.
        probability: calibrated P(fake) at even prior odds, or None where nothing is calibrated.
        log_likelihood_ratio: natural logarithm of P(score given fake) / P(score given real), likewise.
        reason: what the verdict rests on, or why there is none.
        specialists: each one's own score, by label.
        first_frame, first_time: where the first clip begins, in frames and seconds.
        box: the face there, ``(x0, y0, x1, y1)`` in pixels of the coded frame.
        capped: whether the ratio is as far from 0 as the validation videos can bear out: read "at least" (or "most").
        statement: what the verdict promises and rests on, in words; "" where nothing is calibrated.
    """

    person: int
    verdict: str
    score: float | None
    margin: float | None
    probability: float | None
    log_likelihood_ratio: float | None
    reason: str
    specialists: Mapping[str, SpecialistScore]
    first_frame: int
    first_time: float
    box: tuple[float, float, float, float]
    capped: bool = False
    statement: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The person as ``json`` takes it."""
        return {
            **{name: getattr(self, name) for name in _PERSON},
            "box": list(self.box),
            "specialists": {name: score.to_dict() for name, score in self.specialists.items()},
        }


_PERSON = (
    "person", "verdict", "score", "margin", "probability", "log_likelihood_ratio", "reason", "first_frame",
    "first_time", "capped", "statement",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file. Its verdict is that of the person with the highest score.

    Attributes:
        path: as it was given, or as it was found in a folder that was given.
        verdict: ``fake``, ``real``, ``uncertain``, or ``none`` where it could not be judged.
        score, margin, probability, log_likelihood_ratio: that person's; see :class:`PersonResult`.
        person: that person's number; None with the verdict ``none``.
        reason: what the verdict rests on, or why there is none.
        people_seen: persons with a face that can be judged; None where the file could not be read.
        people: those that were judged.
        notes: what the decoder warned of: damaged frames, a track cut short.
        passing: whether what kept the file from being judged may be gone the next time (memory, a killed process).
        models: SHA-256 of the weights, by label.
    """

    path: Path
    verdict: str
    score: float | None = None
    margin: float | None = None
    probability: float | None = None
    log_likelihood_ratio: float | None = None
    person: int | None = None
    reason: str = ""
    people_seen: int | None = None
    people: tuple[PersonResult, ...] = ()
    notes: tuple[str, ...] = ()
    passing: bool = False
    models: Mapping[str, str] = field(default_factory=dict)

    @property
    def chosen(self) -> PersonResult | None:
        """The person that the verdict is about; with the verdict ``none`` the first, or None: nobody is in sight."""
        chosen = [one for one in self.people if one.person == self.person] or self.people[:1]
        return chosen[0] if chosen else None

    @property
    def specialists(self) -> Mapping[str, SpecialistScore]:
        """The chosen person's scores; {} with nobody in sight."""
        return self.chosen.specialists if self.chosen else {}

    def to_dict(self) -> dict[str, Any]:
        """The result as ``json`` takes it: no number in it is infinite or NaN."""
        plain = {name: getattr(self, name) for name in _FILE}
        return {
            "path": str(self.path),
            **plain,
            "notes": list(self.notes),
            "people": [person.to_dict() for person in self.people],
            "models": dict(self.models),
        }


_FILE = (
    "verdict", "score", "margin", "probability", "log_likelihood_ratio", "person", "reason", "people_seen", "passing",
)  # fmt: skip
