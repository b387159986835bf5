"""A run's folder: what lies in it, and when it may be written to.

::

    {out}/{specialist}_stage{N}/
        config.json                           the configuration as used, versions, data counts
        log.txt                               what was said
        metrics.jsonl                         a line for each epoch, and training loss lines
        curves.png                            the plot
        {specialist}_stage{N}_epochNN.zip     the best epochs' weights; no more than run.keep of them
        tensorboard/                          the same lines as TensorBoard reads them, where that is asked for
        last.pt                               everything needed to go on
        {specialist}_stage{N}_final.pt        the best epoch's weights
        {specialist}_stage{N}_calibration.json  what validation says that their scores are worth
        {specialist}_stage{N}_genuine.json    what its genuine videos look like, for explanations
        summary.json                          written last of all: the run is finished
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from dfcore.config import TrainConfig
from dfcore.errors import CheckpointError, RunExistsError, UsageError
from dfcore.filesystem.owner import is_left_behind
from dfcore.filesystem.paths import read_regular
from dfcore.filesystem.writing import replacing, require_target, writing
from dfcore.runs.lock import LOCK
from dfcore.text import parse_json

__all__ = [
    "FREE_KEYS",
    "HOUR",
    "RunFolder",
    "StartMode",
    "differences",
    "read_json",
    "read_lines",
    "require_one_start",
    "write_bytes",
    "write_json",
]

HOUR = 3600.0
"""Seconds after which a temporary file of another machine is nobody's."""
FREE_KEYS = frozenset(
    {
        "run.out", "run.device", "run.save_every", "run.keep", "run.patience", "run.callbacks",
        "run.time_limit",
        "run.precision",    # the format that it resolved to is compared
        "data.root", "data.store", "data.workers", "data.keep_chunks",      # the videos themselves are compared
    }
)  # fmt: skip
"""What may change when a run is resumed."""


class StartMode(Enum):
    """What start_mode a run's folder means."""

    NEW = "new"
    RESUME = "resume"
    OVERWRITE = "overwrite"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run."""

    path: Path
    name: str
    """``{specialist}_stage{N}``."""

    @classmethod
    def of(cls, config: TrainConfig) -> RunFolder:
        """The folder that a configuration writes to."""
        name = f"{config.specialist}_stage{config.stage.number}"
        return cls(Path(config.run.out) / name, name)

    @property
    def config(self) -> Path:
        """The configuration as used."""
        return self.path / "config.json"

    @property
    def log(self) -> Path:
        """What was said."""
        return self.path / "log.txt"

    @property
    def metrics(self) -> Path:
        """A JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def plot(self) -> Path:
        """The curves."""
        return self.path / "curves.png"

    @property
    def last(self) -> Path:
        """Everything needed to go on."""
        return self.path / "last.pt"

    @property
    def final(self) -> Path:
        """The best epoch's weights."""
        return self.path / f"{self.name}_final.pt"

    @property
    def calibration(self) -> Path:
        """What the validation videos taught of the final weights."""
        return self.path / f"{self.name}_calibration.json"

    @property
    def genuine(self) -> Path:
        """What the genuine validation videos look like to the final weights."""
        return self.path / f"{self.name}_genuine.json"

    @property
    def summary(self) -> Path:
        """Its being there says that the run is finished."""
        return self.path / "summary.json"

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard's event files."""
        return self.path / "tensorboard"

    def epoch_zip(self, epoch: int) -> Path:
        """The weights of an epoch (from 1)."""
        return self.path / f"{self.name}_epoch{epoch:02d}.zip"

    def epoch_zips(self) -> list[Path]:
        """Those that are there."""
        return sorted(self.path.glob(f"{self.name}_epoch*.zip"))

    def decide(self, config: TrainConfig, *, resume: bool, overwrite: bool) -> StartMode:
        """What to do with what is there; touches nothing.

        Raises:
            RunExistsError: a run is there and neither flag is given, or it was made with another configuration.
            UsageError: both flags are given.
        """
        require_one_start(resume=resume, overwrite=overwrite)
        if overwrite:
            there = self.path.is_dir() and any(path.name != LOCK for path in self.path.iterdir())
            return StartMode.OVERWRITE if there else StartMode.NEW
        finished, started = self.summary.exists(), self.last.exists()
        if not (finished or started):
            return StartMode.NEW
        if not resume:
            raise RunExistsError(self._refusal(finished))
        self.require_same(read_json(self.config), config)
        return StartMode.FINISHED if finished else StartMode.RESUME

    def _refusal(self, finished: bool) -> str:
        if finished:
            return (
                f"{self.path} holds a finished run ({self.final.name}); it is left as it is. resume=True returns its "
                "result, overwrite=True discards it and starts again, another run.out keeps both."
            )
        return (
            f"{self.path} holds an unfinished run. Go on with resume=True, discard it with overwrite=True, or "
            "choose another run.out."
        )

    def require_same(self, facts: Mapping[str, Any], config: TrainConfig) -> None:
        """Refuse to go on with a run whose configuration was another.

        Raises:
            RunExistsError: it names the keys that differ.
            CheckpointError: there is no configuration in the facts.
        """
        before = facts.get("config")
        if not isinstance(before, Mapping):
            raise CheckpointError(f"{self.config} holds no configuration of a run. Start again with overwrite=True.")
        changed = differences(before, config.to_json())
        if changed:
            raise RunExistsError(
                f"{self.path} was started with another configuration: {'; '.join(changed)}. Resume it with the same "
                "options (they are in its config.json), discard it with overwrite=True, or choose another run.out."
            )

    def open(self, start_mode: StartMode, facts: Mapping[str, Any]) -> None:
        """Make the folder, whose lock is held, ready: discard the old run if so decided, remove what was cut short,
        write the facts.
        """
        require_target(self.path, folder=True)
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        if start_mode is not StartMode.RESUME:
            # A NEW run may find traces of one that was killed before it saved anything.
            self._remove((self.summary, self.last, self.final, self.calibration, self.genuine))
            self._remove((self.config, self.metrics, self.plot, self.log))
            self._remove(self.epoch_zips())
            self._remove(self.tensorboard.glob("*tfevents*"))
        for folder in (self.path, self.tensorboard):
            # Cut short while being written; `dfcore calibrate` may be writing here too.
            self._remove(file for file in folder.glob(".*.tmp") if is_left_behind(file, HOUR))
        if start_mode is not StartMode.RESUME:
            write_json(self.config, facts)

    @staticmethod
    def _remove(files: Iterable[Path]) -> None:
        for file in list(files):
            file.unlink(missing_ok=True)


def require_one_start(*, resume: bool, overwrite: bool) -> None:
    """Refuse to go on with a run and to discard it at once.

    Raises:
        UsageError: both are asked for.
    """
    if resume and overwrite:
        raise UsageError("resume=True goes on with a run and overwrite=True discards it: give one of them.")


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """``["stage.lr was 0.0001, is 2e-05", ...]`` for every key that matters to the weights."""
    old, new = _flat(before), _flat(json.loads(json.dumps(now)))
    keys = sorted((old.keys() | new.keys()) - FREE_KEYS)
    return [f"{key} was {old.get(key)}, is {new.get(key)}" for key in keys if old.get(key) != new.get(key)]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``path`` atomically.

    Raises:
        WriteError: it cannot be written; what was there is as it was.
    """
    with replacing(path, len(content)) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write ``values`` atomically, indented."""
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # a path that is no UTF-8
        text = json.dumps(values, indent=2) + "\n"
    write_bytes(path, text.encode())


def read_json(path: Path) -> dict[str, Any]:
    """The object in ``path``.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    try:
        found = parse_json(read_regular(path).decode())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}. Start again with overwrite=True.") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} does not hold a JSON object. Start again with overwrite=True.")
    return found


def read_lines(path: Path, start: int = 0) -> list[dict[str, Any]]:
    """The lines of a ``metrics.jsonl`` from byte ``start`` on; a last line that a kill cut short is left out, a missing
    file is [].
    """
    if not path.exists():
        return []
    return list(_parse(read_regular(path, start=start).decode(errors="replace").splitlines()))


def _parse(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    for line in lines:
        try:
            values = parse_json(line)
        except ValueError:
            return
        if not isinstance(values, dict):
            return
        yield values
