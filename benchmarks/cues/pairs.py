"""Pairs: of each person a control and a fake, which differ in one specialist's respect and in nothing else.

Both are the same frames of the same video; the pseudo-fake gives both their earlier codec passes, and both are written
by the same encoder at the same rate factor into the same container.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dfcore.data.composite.kinds import COMPOSITES, kind_shares
from dfcore.data.media import SAMPLE_RATE, decode, probe
from dfcore.data.prepare.footage import read_footage, write_footage
from dfcore.data.protocols import Footage
from dfcore.errors import DfcoreError
from dfcore.specs import SpecialistSpec, resolve

from .people import Person

__all__ = ["Condition", "Pair", "PairJob", "conditions", "make_pairs", "sources"]

_SIDE = 640
"""Longer side in pixels of footage beyond which only the surround of the face is kept, to save time."""
_SURROUND = 3.0
"""That surround, in units of the face: more than the window that a clip is cut to."""
_RR_CRFS = (None, 18.0, 23.0, 40.0)
_CM = (("from23", 23.0, "23→23"), ("from28", 23.0, "28→23"), ("from23", 40.0, "23→40"), ("again23", 23.0, "again 23"))
STRETCHES = 2
"""As many stretches of frames are read of a video; more draws than these overlap."""
_PLACES = (0.5, 0.0, 1.0, 0.25, 0.75)
"""Where in what was read the draws' stretches lie; further draws begin again."""
CRF = 23.0
"""The last encode's rate factor where a condition names no other, and that of the matrix."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A specialist's forgery of one kind, at one last rate factor; ``crf`` None is lossless."""

    specialist: str
    kind: str
    crf: float | None
    label: str

    @property
    def in_matrix(self) -> bool:
        """Whether every specialist is tried on it."""
        return self.crf == CRF


@dataclass(frozen=True, slots=True)
class Pair:
    """A written pair. ``facts`` are those of control and fake: what :mod:`guard` reads."""

    person: str
    condition: Condition
    draw: int
    control: Path
    fake: Path
    facts: tuple[dict[str, float], dict[str, float]]


@dataclass(frozen=True, slots=True)
class PairJob:
    """All pairs of one person for one specialist."""

    person: Person
    spec: SpecialistSpec
    conditions: tuple[Condition, ...]
    draws: int
    stretch: int
    seed: int
    out: Path


def conditions(spec: SpecialistSpec, kinds: Sequence[str] | None = None) -> list[Condition]:
    """What a specialist is tried on; ``kinds`` keeps those of these names or labels.

    Kinds that training does not make, and the composite swaps, which all share, are left out unless they are named.
    """
    made_by = resolve(spec.pseudo_fake, f"specialist {spec.name}")()
    usual = {kind for kind, share in kind_shares(made_by).items() if share} - set(COMPOSITES)
    own = tuple(kind for kind in made_by.kinds if kind in usual or kind in (kinds or ()))
    if spec.name == "cm":
        made = [Condition("cm", kind, crf, label) for kind, crf, label in _CM if kind in own]
    elif spec.name == "rr":
        made = [Condition("rr", kind, crf, f"{kind} {_crf(crf)}") for crf in _RR_CRFS for kind in own]
    else:
        made = [Condition(spec.name, kind, CRF, kind) for kind in own]
    return [c for c in made if not kinds or c.kind in kinds or c.label in kinds]


def _crf(crf: float | None) -> str:
    return "lossless" if crf is None else f"crf {crf:g}"


def sources(path: str) -> str:
    """A mark that changes with the source of what a dotted path names, and of what it imports of its own package."""
    resolve(path)
    waiting, seen = [path.partition(":")[0]], {}
    while waiting:
        name = waiting.pop()
        if name in seen or name not in sys.modules:
            continue
        text = Path(str(sys.modules[name].__file__)).read_text(encoding="utf-8")
        seen[name] = text
        package = name.partition(".")[0]
        waiting += re.findall(rf"(?:from|import) ({package}[\w.]*)", text)
    joined = "\n".join(f"{name}\n{seen[name]}" for name in sorted(seen))
    return hashlib.sha256(joined.encode()).hexdigest()[:10]


def make_pairs(job: PairJob) -> tuple[list[Pair], list[str]]:
    """Write what is not there yet; the pairs, and why others could not be made."""
    pseudo_fake = resolve(job.spec.pseudo_fake)()
    footage: Footage | None = None
    made, failed = [], []
    kinds = sorted({condition.kind for condition in job.conditions})
    for draw in range(job.draws):
        for kind in kinds:
            wanted = [condition for condition in job.conditions if condition.kind == kind]
            if not all(_facts_path(job, condition, draw).exists() for condition in wanted):
                try:
                    footage = footage or _footage(job)
                    part = _stretch(footage, job, draw)
                    rng = np.random.default_rng(_number(f"{job.seed}/{job.person.name}/{job.spec.name}/{kind}/{draw}"))
                    control, fake = pseudo_fake(part, kind, rng)
                    for condition in wanted:
                        _write(job, condition, draw, (control, fake), plain=control is part)
                except DfcoreError as error:
                    failed.append(f"{job.person.name} {job.spec.name} {kind}: {error}")
                    continue
            made += [_read(job, condition, draw) for condition in wanted]
    return made, failed


def _footage(job: PairJob) -> Footage:
    found = read_footage(job.person.path, frames=job.stretch * STRETCHES, voice=job.person.partner, threads=1)
    if max(found.y.shape[1:]) <= _SIDE:
        return found
    return _cropped(found)


def _cropped(footage: Footage) -> Footage:
    """The face's surround, on the 16-pixel grid, so that every block of the codec stays a block."""
    low, high = footage.boxes[:, :2].min(0), footage.boxes[:, 2:].max(0)
    side = max(_SURROUND * float((footage.boxes[:, 2:] - footage.boxes[:, :2]).max()), 448.0)
    height, width = footage.y.shape[1:]
    spans = []
    for axis, limit in ((0, width), (1, height)):
        reach = max(side, float(high[axis] - low[axis]) + 64)
        middle = float(low[axis] + high[axis]) / 2
        first = int(max(0.0, min(middle - reach / 2, limit - reach)) // 16 * 16)
        spans.append((first, min(limit // 2 * 2, first + int(-(-reach // 16) * 16))))
    (x0, x1), (y0, y1) = spans
    chroma = np.s_[:, y0 // 2 : y1 // 2, x0 // 2 : x1 // 2]
    return replace(
        footage,
        y=np.ascontiguousarray(footage.y[:, y0:y1, x0:x1]),
        u=np.ascontiguousarray(footage.u[chroma]),
        v=np.ascontiguousarray(footage.v[chroma]),
        boxes=footage.boxes - np.array([x0, y0, x0, y0]),
        landmarks=footage.landmarks - np.array([x0, y0]),
    )


def _stretch(footage: Footage, job: PairJob, draw: int) -> Footage:
    """The draw's own frames; which, does not depend on how many draws there are."""
    held = len(footage.y)
    length = min(job.stretch, held)
    first = round((held - length) * _PLACES[draw % len(_PLACES)])
    span = slice(first, first + length)

    def heard(audio: Any) -> Any:
        if audio is None:
            return None
        start = round(first / footage.fps * SAMPLE_RATE)
        return audio[start : start + round((length / footage.fps + 2 * footage.lead) * SAMPLE_RATE)]

    return replace(
        footage.pick(span),
        audio=heard(footage.audio),
        other_audio=heard(footage.other_audio),
    )


def _write(job: PairJob, condition: Condition, draw: int, pair: tuple[Footage, Footage], *, plain: bool) -> None:
    """A control that is the footage itself is the same for all kinds, and is written once."""
    place = _facts_path(job, condition, draw)
    place.parent.mkdir(parents=True, exist_ok=True)
    name = _crf(condition.crf).replace(" ", "")
    control = place.with_name(f"{'plain' if plain else condition.kind}-{draw}-{name}-control.mp4")
    fake = place.with_name(f"{condition.kind}-{draw}-{name}-fake.mp4")
    for path, footage in ((control, pair[0]), (fake, pair[1])):
        if not (plain and path == control and path.exists()):
            part = path.with_name(f".{os.getpid()}-{path.name}")
            write_footage(footage, part, crf=condition.crf)
            part.replace(path)
    facts = [_facts(path) for path in (control, fake)]
    content = {"control": control.name, "fake": fake.name, "facts": facts, "condition": asdict(condition)}
    part = place.with_name(f".{os.getpid()}-{place.name}")
    part.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    part.replace(place)


def _read(job: PairJob, condition: Condition, draw: int) -> Pair:
    place = _facts_path(job, condition, draw)
    found = json.loads(place.read_text(encoding="utf-8"))
    folder = place.parent
    facts = (found["facts"][0], found["facts"][1])
    return Pair(job.person.name, condition, draw, folder / found["control"], folder / found["fake"], facts)


def _facts_path(job: PairJob, condition: Condition, draw: int) -> Path:
    name = _crf(condition.crf).replace(" ", "")
    return job.out / job.person.name / f"{condition.kind}-{draw}-{name}.json"


def _facts(path: Path) -> dict[str, float]:
    info = probe(path)
    looked = set(range(0, info.frame_count, 8))
    luma = [float(frame.y.mean()) for frame in decode(path, looked, side_data=False, threads=1)]
    return {
        "size": float(path.stat().st_size),
        "duration": info.frame_count / info.fps,
        "fps": info.fps,
        "frames": float(info.frame_count),
        "brightness": float(np.mean(luma)),
    }


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
