"""The process that the doors are in, and its other side, which sees it crash or hang."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from .judge import fault_of_terminal
from .outcome import FAULT, Mutant, Outcome, generator
from .samples import Samples

__all__ = ["KINDS", "Driver", "kind_of", "mutants_of", "serve"]

KINDS = ("media", "weights", "store", "list", "run")
_SHARES = ("media",) * 28 + ("list",) * 5 + ("store",) * 3 + ("weights",) * 2 + ("run",) * 2
PATIENCE = 400.0
"""Seconds without a word after which the process hangs: more than any single file may take."""


def kind_of(number: int) -> str:
    """What the mutant of a number is a mutant of."""
    return _SHARES[number * 13 % len(_SHARES)]


def doors_of(kind: str) -> Any:
    """The class that makes and tries mutants of a kind."""
    from .lists import Lists
    from .media import Media
    from .runs import Runs
    from .stores import Stores
    from .weights import Weights

    return {one.kind: one for one in (Media, Weights, Stores, Lists, Runs)}[kind]


def mutants_of(doors: Any, seed: int, numbers: Sequence[int]) -> list[Mutant]:
    """The mutants of these numbers."""
    return [doors.mutant(number, generator(seed, number)) for number in numbers]


def serve(pipe: Connection, samples: Samples, terminal: str) -> None:
    """Answer ``(kind, seed, numbers)`` with outcomes as they come, then ``("done", peak bytes)``."""
    with open(terminal, "ab", buffering=0) as file:  # noqa: PTH123
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    import torch

    torch.set_num_threads(1)
    doors: dict[str, Any] = {}
    while True:
        kind, seed, numbers = pipe.recv()
        if kind not in doors:
            doors[kind] = doors_of(kind)(samples)
        folder = Path(tempfile.mkdtemp(dir=samples.root))
        before = Path(terminal).stat().st_size
        for outcome in doors[kind].run(mutants_of(doors[kind], seed, numbers), folder / "batch"):
            pipe.send(outcome)
        shutil.rmtree(folder, ignore_errors=True)
        sys.stdout.flush()
        sys.stderr.flush()
        said = Path(terminal).read_bytes()[before:].decode("utf-8", "replace")
        if wrong := fault_of_terminal(said):
            pipe.send(Outcome(numbers[0], kind, "terminal", FAULT, wrong))
        pipe.send(("done", _peak()))


def _peak() -> int:
    """Bytes that this process or one that it started took at most."""
    most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return most if sys.platform == "darwin" else most * 1024


class Driver:
    """The other side.

    Args:
        samples: the good files.
        patience: seconds without a word after which the process hangs.
    """

    def __init__(self, samples: Samples, patience: float = PATIENCE) -> None:
        self.samples, self.patience = samples, patience
        self.peak, self._exit = 0, None
        self._terminal = str(samples.root / "terminal.txt")
        self._process: Any = None
        self._pipe: Any = None

    def run(self, kind: str, seed: int, numbers: Sequence[int]) -> Iterator[Outcome]:
        """Have mutants tried. A crash or a hang is the fault of the mutant under way; the rest are tried anew."""
        left = list(numbers)
        while left:
            self._start()
            self._pipe.send((kind, seed, left))
            last = left[0]
            try:
                while True:
                    if not self._pipe.poll(self.patience):
                        raise TimeoutError
                    found = self._pipe.recv()
                    if isinstance(found, Outcome):
                        last = found.number
                        yield found
                    else:
                        self.peak = max(self.peak, found[1])
                        return
            except (EOFError, OSError) as error:
                hangs = isinstance(error, TimeoutError)
                self.end()
                said = Path(self._terminal).read_bytes()[-1500:].decode("utf-8", "replace").strip()
                text = f"no word for {self.patience:.0f} s" if hangs else f"the process ended ({self._exit}): {said}"
                yield Outcome(last, kind, "hang" if hangs else "crash", FAULT, f"at this mutant or the next: {text}")
                left = left[left.index(last) + 1 :]

    def _start(self) -> None:
        if self._process is not None:
            return
        context = multiprocessing.get_context("spawn")
        self._pipe, there = context.Pipe()
        self._process = context.Process(target=serve, args=(there, self.samples, self._terminal))
        self._process.start()
        there.close()

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.join(1.0)
            self._process.kill()
            self._process.join()
            self._exit = self._process.exitcode
            self._pipe.close()
        self._process = None
