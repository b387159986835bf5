"""What was found of each video when parts were taken away, and the figures of it with their intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfcore.evaluation.metrics.intervals import bootstrap_means
from dfcore.evaluation.metrics.localisation import flip_share

__all__ = ["MAPS", "PARTS", "Tally"]

PARTS = ("cue", "cue_map_cells", "face_cells")
"""What is taken away."""
MAPS = ("face", "cue_map")
"""Maps that may lie on what was forged."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Column:
    """Values of some videos, each ``{name: value}``, with the identity that each video belongs to."""

    rows: list[Mapping[str, float]] = field(default_factory=list)
    groups: list[Hashable] = field(default_factory=list)

    def add(self, group: Hashable, **values: float) -> None:
        self.rows.append(values)
        self.groups.append(group)

    def figures(self, names: Sequence[str], none: str, draws: int, seed: int) -> dict[str, Any]:
        table = {name: [row[name] for row in self.rows] for name in names}
        found = bootstrap_means(table, self.groups, draws=draws, seed=seed, none=none)
        return {name: interval.to_dict() for name, interval in found.items()}


class Tally:
    """Adds up what is found of videos.

    Args:
        draws: bootstrap draws of each interval.
        seed: of these.
    """

    def __init__(self, draws: int = 1000, seed: int = 0) -> None:
        self.draws, self.seed = draws, seed
        self.cues: Counter[str] = Counter()
        self.means: Counter[str] = Counter()
        self.unknown: list[str] = []
        self.tested: set[str] = set()
        self._flips = {part: _Column() for part in PARTS}
        self._falls = {part: _Column() for part in PARTS}
        self._maps = {on: _Column() for on in MAPS}
        self._unnamed: Counter[str] = Counter()

    def add_flip(self, part: str, group: Hashable, limit: float, named: float, drawn: Floats) -> None:
        """Of a video that is called fake.

        Args:
            part: one of :data:`PARTS`.
            group: the identity that it belongs to.
            limit: from which margin on it is called so.
            named: its margin without the named part.
            drawn: without random ones, ``[D]``.
        """
        limits = np.array([limit])
        own, other = flip_share(np.array([named]), limits), flip_share(drawn[None], limits)
        self._flips[part].add(group, flips=own, flips_random=other, flips_difference=own - other)

    def add_fall(self, part: str, group: Hashable, named: float, random: float) -> None:
        """Of a fake, called so or not: by how much its margin falls without the named part, and without random ones."""
        self._falls[part].add(group, fall=named, fall_random=random, fall_difference=named - random)

    def add_unnamed(self, part: str) -> None:
        """A video called fake of which nothing speaks for "fake" there, so that nothing is named."""
        self._unnamed[part] += 1

    def add_place(
        self, on: str, group: Hashable, pointing: float, pointing_chance: float, iou: float, iou_chance: float
    ) -> None:
        """How a map of a fake lies on what was forged; see :mod:`dfcore.evaluation.metrics.localisation`."""
        self._maps[on].add(
            group,
            pointing=pointing,
            pointing_chance=pointing_chance,
            pointing_difference=pointing - pointing_chance,
            iou=iou,
            iou_chance=iou_chance,
            iou_difference=iou - iou_chance,
        )

    def to_dict(self, called: int) -> dict[str, Any]:
        """As ``json`` takes it; ``called`` is how many videos were called fake."""
        return {
            **{part: self._part(part, called) for part in PARTS},
            "named_cues": dict(self.cues.most_common()),
            "localisation": {on: self._place(on) for on in MAPS},
            "forged_region_by": dict(self.means),
            "forged_region_unknown": len(self.unknown),
            "forged_region_reason": next(iter(self.unknown), ""),
        }

    def _part(self, part: str, called: int) -> dict[str, Any] | None:
        """None where the part was not taken away from any video."""
        if part not in self.tested:
            return None
        flips, falls = self._flips[part], self._falls[part]
        none = "nothing is named in any video called fake" if called else "no video is called fake"
        return {
            "videos": len(flips.rows),
            "unnamed": self._unnamed[part],
            **flips.figures(("flips", "flips_random", "flips_difference"), none, self.draws, self.seed),
            "fakes": len(falls.rows),
            **falls.figures(
                ("fall", "fall_random", "fall_difference"),
                "no fake with two samples in which something is named",
                self.draws,
                self.seed,
            ),
        }

    def _place(self, on: str) -> dict[str, Any] | None:
        found = self._maps[on]
        if not found.rows:
            return None
        return {"videos": len(found.rows), **found.figures(tuple(found.rows[0]), "", self.draws, self.seed)}
