"""What a model could learn without looking at a face: how well a single property of the file tells the classes apart.

A detector that does no better than the best of these has learnt the dataset, not the trace. For a number x (frame
rate, size, duration, bits per pixel) the measure is the area under the ROC curve of x used as a score, turned so that
it is at least 0.5: with rank sums (Mann and Whitney 1947), ties counted half. For a word (compression, codec) it is
that of the best single value as a yes-or-no score, ``0.5 + |P(value | fake) - P(value | real)| / 2``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dfcore.data.checks.scan import Problem
from dfcore.data.media import MediaInfo
from dfcore.data.records import FAKE, REAL, VideoRecord

__all__ = ["Shortcut", "auc", "best_word", "check_shortcuts", "shortcuts"]

LIMIT = 0.7
"""From here on a property is worth a warning."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A property of the file and how well it alone separates the classes (AUC, 0.5 to 1).

    ``certain`` is whether it is more than chance: more than three standard errors above 0.5.
    """

    name: str
    auc: float
    certain: bool


def auc(real: Sequence[float], fake: Sequence[float]) -> float:
    """Probability that a fake's number is greater than a real one's, or less, whichever is greater; ties count half."""
    r, f = np.sort(np.asarray(real, float)), np.asarray(fake, float)
    below, through = np.searchsorted(r, f, "left"), np.searchsorted(r, f, "right")
    area = float((below + through).sum() / 2 / (len(r) * len(f)))
    return max(area, 1 - area)


def best_word(real: Sequence[str], fake: Sequence[str]) -> tuple[str, float]:
    """The value that separates best, and its area."""
    reals, fakes = Counter(real), Counter(fake)
    gaps = {word: abs(fakes[word] / len(fake) - reals[word] / len(real)) for word in sorted({*reals, *fakes})}
    word = max(gaps, key=lambda word: gaps[word])
    return word, 0.5 + gaps[word] / 2


def shortcuts(records: Sequence[VideoRecord], infos: Mapping[str, MediaInfo]) -> list[Shortcut]:
    """Every property's measure over the readable files, greatest first; [] unless both classes are there."""
    real = [(r, infos[r.id]) for r in records if r.label == REAL and r.id in infos]
    fake = [(r, infos[r.id]) for r in records if r.label == FAKE and r.id in infos]
    if not real or not fake:
        return []
    n, m = len(real), len(fake)
    chance = 3 * math.sqrt((n + m + 1) / (12 * n * m))  # of the rank sum when both classes are alike
    found = []
    numbers = [[_numbers(info) for _, info in side] for side in (real, fake)]
    for name in numbers[0][0]:
        value = auc(*([row[name] for row in side] for side in numbers))
        found.append(Shortcut(name, value, value - 0.5 > chance))
    for name in _words(*real[0]):
        word, value = best_word([_words(*pair)[name] for pair in real], [_words(*pair)[name] for pair in fake])
        found.append(Shortcut(f"{name} ({word or 'none'})", value, value - 0.5 > chance))
    return sorted(found, key=lambda shortcut: -shortcut.auc)


def check_shortcuts(found: Sequence[Shortcut]) -> list[Problem]:
    """A warning when a property separates the classes by itself."""
    items = tuple(f"{s.name}: AUC {s.auc:.2f}" for s in found if s.certain and s.auc >= LIMIT)
    if not items:
        return []
    message = (
        f"Properties of the file that tell the classes apart by themselves: {len(items)}. "
        "A model that does no better than these has learnt the dataset, not the faces."
    )
    return [Problem("shortcut", False, message, items)]


def _numbers(info: MediaInfo) -> dict[str, float]:
    return {
        "frame rate": info.fps,
        "frame size": float(info.width * info.height),
        "duration": info.duration,
        "bits per pixel": _size(info.path) * 8 / max(1, info.width * info.height * info.frame_count),
    }


def _words(record: VideoRecord, info: MediaInfo) -> dict[str, str]:
    return {"compression": record.compression, "codec": info.codec, "audio": "yes" if info.has_audio else "no"}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # it vanished since it was read
