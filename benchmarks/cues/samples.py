"""Kept features gathered into tensors: one row a clip, control and fake of a pair always both or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .features import TOKENS
from .pairs import Condition, Pair

__all__ = ["Samples", "gather"]


@dataclass(frozen=True, slots=True)
class Samples:
    """N samples of one reader.

    Attributes:
        data: what the cue module's learned part reads, ``[R, ...]`` each: a row for every clip of every file.
        tokens: the backbone's maps ``[R, F, 7, 7]``, float16; None where they were not asked for.
        row: ``[N]``, each sample's row. A control that several fakes share is a sample for each of them.
        label: ``[N]``, 0 control and 1 fake.
        person, condition, pair: ``[N]``, numbers.
        conditions: what ``condition`` counts.
        dropped: reasons of pairs that are missing, with how many.
    """

    data: Mapping[str, Tensor]
    tokens: Tensor | None
    row: NDArray[np.int64]
    label: NDArray[np.int64]
    person: NDArray[np.int64]
    condition: NDArray[np.int64]
    pair: NDArray[np.int64]
    conditions: Sequence[Condition]
    dropped: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.row)


def gather(pairs: Sequence[Pair], places: Mapping[Path, Path], people: Sequence[str]) -> Samples:
    """The samples of ``pairs``; ``places`` says where each video's features lie, ``people`` numbers the persons."""
    conditions = list(dict.fromkeys(pair.condition for pair in pairs))
    held: dict[str, list[Tensor]] = {}
    rows: dict[Path, dict[int, int]] = {}
    reasons: dict[Path, str] = {}
    count = 0
    for path in dict.fromkeys(path for pair in pairs for path in (pair.control, pair.fake)):
        found = torch.load(places[path], weights_only=True)
        rows[path] = {at: count + i for i, at in enumerate(found["at"])}
        reasons[path] = found["why"]
        count += len(found["at"])
        for name, values in found["data"].items():
            held.setdefault(name, []).append(values)
    table: list[tuple[int, int, int, int, int]] = []
    dropped: dict[str, int] = {}
    for number, pair in enumerate(pairs):
        common = sorted(rows[pair.control].keys() & rows[pair.fake].keys())
        if not common:
            why = reasons[pair.fake] or reasons[pair.control] or "no clip in common"
            dropped[why] = dropped.get(why, 0) + 1
        for at in common:
            for label, path in enumerate((pair.control, pair.fake)):
                who, what = people.index(pair.person), conditions.index(pair.condition)
                table.append((rows[path][at], label, who, what, number))
    columns = np.array(table, np.int64).reshape(-1, 5).T
    data = {name: torch.cat(values) for name, values in held.items()}
    tokens = data.pop(TOKENS, None)
    return Samples(data, tokens, *columns, conditions, dropped)
