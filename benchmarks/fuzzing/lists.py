"""Lists of datasets: scanning a tree of which one list is damaged."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from .mutate import mutate_text
from .outcome import Mutant, Outcome, attempt
from .samples import DATASETS, Samples

__all__ = ["Lists"]

_SUFFIXES = (".csv", ".json", ".txt")
_ANYWHERE = ("csv",)
"""Adapters whose lists may name files outside of the root, as they document."""


class Lists:
    """CSV, JSON and text lists."""

    kind, size = "list", 64

    def __init__(self, samples: Samples) -> None:
        self.root = samples.lists
        self.files = sorted(path for path in self.root.rglob("*") if path.suffix in _SUFFIXES)

    @cached_property
    def expected(self) -> dict[str, str]:
        """What the good trees give."""
        return {tree.name: _records(_scan(tree.name, tree)) for tree in self.root.iterdir()}

    def mutant(self, number: int, rng: random.Random) -> Mutant:
        """Of any of the lists."""
        source = rng.choice(self.files)
        content, steps = mutate_text(source.read_bytes(), rng)
        return Mutant(number, self.kind, source.relative_to(self.root).as_posix(), content, tuple(steps))

    def run(self, mutants: Sequence[Mutant], folder: Path) -> Iterator[Outcome]:
        """Scan the tree; then the good ones, which must be as before."""
        assert len(self.expected) == len(list(self.root.iterdir()))
        for mutant in mutants:
            tree, _, inside = mutant.source.partition("/")
            place = folder / str(mutant.number) / tree
            shutil.copytree(self.root / tree, place)
            (place / inside).write_bytes(mutant.content)
            found = lambda t=tree, p=place: _scan(t, p)  # noqa: E731
            check = lambda scan, t=tree, p=place: self._right(t, p, scan)  # noqa: E731
            yield attempt(mutant, "scan", found, str(place), check=check)[0]
            shutil.rmtree(place.parent)
        for mutant in mutants[-1:]:
            same = {tree: _records(_scan(tree, self.root / tree)) for tree in self.expected} == self.expected
            yield attempt(mutant, "scan the good", lambda s=same: s, check=lambda s: "" if s else "they differ")[0]

    def _right(self, tree: str, root: Path, scan: Any) -> str:
        from dfcore.text import to_json

        to_json([[record.id, str(record.path), record.label, record.split, record.group] for record in scan.records])
        if not scan.records:
            return "no record, and no error"
        outside = [r.path for r in scan.records if not r.path.resolve().is_relative_to(root.resolve())]
        if outside and tree not in _ANYWHERE:
            return f"it reads files outside of the root: {outside[:2]}"
        labels = {record.label for record in scan.records} - {0, 1}
        return f"labels {labels}" if labels else ""


def _scan(tree: str, root: Path) -> Any:
    from dfcore.plugins import registry
    from dfcore.specs import resolve

    return resolve(registry().dataset(DATASETS.get(tree, tree)).adapter, tree)().scan(root)


def _records(scan: Any) -> str:
    return repr(scan.records)
