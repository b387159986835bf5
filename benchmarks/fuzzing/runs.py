"""Folders of runs: listing, planning what to prune, and resuming, with one file of a run damaged."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from .mutate import mutate_bytes, mutate_text
from .outcome import Mutant, Outcome, attempt
from .samples import Samples

__all__ = ["Runs"]

_TEXT = (".json", ".jsonl", ".txt")


class Runs:
    """Folders of runs: one finished, one stopped in its second epoch."""

    kind, size = "run", 8

    def __init__(self, samples: Samples) -> None:
        self.root, self._whole = samples.runs, samples.root / "whole"

    @cached_property
    def expected(self) -> str:
        """What the stopped run ends with when it is resumed."""
        shutil.rmtree(self._whole, ignore_errors=True)
        shutil.copytree(self.root / "stopped_stage1", self._whole / "tiny_stage1")
        return _resumed(self._whole)

    def mutant(self, number: int, rng: random.Random) -> Mutant:
        """Of any file of either run that is not a plot."""
        files = [path for path in sorted(self.root.rglob("*")) if path.is_file() and not path.name.startswith(".")]
        source = rng.choice([path for path in files if path.suffix != ".png"])
        content, steps = (mutate_text if source.suffix in _TEXT else mutate_bytes)(source.read_bytes(), rng)
        return Mutant(number, self.kind, source.relative_to(self.root).as_posix(), content, tuple(steps))

    def run(self, mutants: Sequence[Mutant], folder: Path) -> Iterator[Outcome]:
        """List both, plan a pruning, resume the one that is damaged."""
        for mutant in mutants:
            place = folder / f"runs{mutant.number}"
            shutil.copytree(self.root, place)
            (place / mutant.source).write_bytes(mutant.content)
            damaged = mutant.source.partition("/")[0]
            yield attempt(mutant, "runs", lambda p=place: _listed(p), check=lambda f, d=damaged: self._both(f, d))[0]
            (place / damaged).rename(place / "tiny_stage1")
            check = self._same if mutant.source.endswith("last.pt") else None
            named = str(place / "tiny_stage1")
            yield attempt(mutant, "resume", lambda p=place: _resumed(p), named, check=check)[0]
            shutil.rmtree(place)

    def _both(self, found: dict[str, Any], damaged: str) -> str:
        if set(found) != {"done_stage1", "stopped_stage1"}:
            return f"a run is lost: {sorted(found)}"
        good = ({*found} - {damaged}).pop()
        expected = "finished" if good.startswith("done") else "unfinished"
        return "" if found[good].state == expected else f"{good} is called {found[good].state}"

    def _same(self, found: str) -> str:
        return "" if found == self.expected else "it went on otherwise than the unbroken run, without a word"


def _listed(out: Path) -> dict[str, Any]:
    from dfcore.cli.runs import _text
    from dfcore.runs.prune import plan_removals
    from dfcore.runs.report import find_runs, find_stores
    from dfcore.text import to_json

    runs = find_runs(out)
    to_json([run.to_json() for run in runs])
    plan_removals(runs, keep=1, unfinished=True)
    text = _text(out, runs, find_stores(out))
    assert "\x1b[31m" not in text, "a control character reaches the terminal"
    return {run.name: run for run in runs}


def _resumed(out: Path) -> str:
    """Hash of the weights that a resumed run ends with."""
    import tiny_run

    from dfcore.models.files.weights import read_final
    from dfcore.training.callbacks import metrics_log

    metrics_log.draw = lambda run: None  # drawing takes longer than all else here
    return str(read_final(tiny_run.tiny_run(tiny_run.tiny_config(out), resume=True).final)["hash"])
