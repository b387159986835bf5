"""The lines of ``metrics.jsonl`` as TensorBoard's scalars."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from dfcore.errors import UsageError
from dfcore.filesystem.writing import append, replacing
from dfcore.runs.folder import read_lines
from dfcore.training.protocols import BaseCallback
from dfcore.training.run import Run

__all__ = ["TensorBoard"]

Point = tuple[str, int, float]
"""Tag, step, value."""


class TensorBoard(BaseCallback):
    """Writes to the run's folder ``tensorboard/`` what ``metrics.jsonl`` says, as soon as it says it; no more, no less.

    ``train/loss`` and ``learning_rate`` at the steps of the training lines; ``train_epoch/...`` and ``val/...`` at the
    last step of each epoch. When a run goes on, ``metrics.jsonl`` has already lost what comes after the saved state;
    the event file is made anew from it, so no point is there twice. (TensorBoard's own ``purge_step`` cannot do that:
    of a kill behind a validation it leaves the points of that validation twice.) A run that starts to use this
    callback late gets the earlier points too.

    Raises:
        UsageError: the package ``tensorboard`` is not installed.
    """

    def __init__(self) -> None:
        self._file: Path | None = None
        self._read = 0
        try:
            import tensorboard.compat.proto.event_pb2  # noqa: F401 - to say so before anything is trained
        except ImportError as error:
            raise UsageError(
                "the callback 'tensorboard' needs the package of that name, which is not installed or does not import "
                f"({error}). Install it with `pip install 'dfcore[tensorboard]'`, or take it out of run.callbacks."
            ) from error

    def on_start(self, run: Run) -> None:
        """Make the event file from the lines that are there; points that were there keep their time."""
        if not run.world.is_main:
            return
        folder = run.folder.tensorboard
        old = sorted(folder.glob("*tfevents*"))
        times = {key: when for path in old for key, when in _times(path)}
        now = time.time()
        # A name of its own: a TensorBoard that is watching reads the new file from its beginning.
        self._file = folder / f"events.out.tfevents.{time.time_ns()}.dfcore"
        records = [_version(now)]
        for tag, step, value in _points(read_lines(run.folder.metrics)):
            records.append(_record(tag, step, value, times.get((tag, step), now)))
        content = b"".join(records)
        with replacing(self._file, len(content)) as temporary:
            temporary.write_bytes(content)
        for path in old:
            path.unlink(missing_ok=True)
        self._read = _size(run.folder.metrics)
        run.log.say(f"scalars    tensorboard --logdir {run.folder.path.parent}")

    def on_step(self, run: Run) -> None:
        """The training line, if there is a new one."""
        self._follow(run)

    def on_epoch(self, run: Run) -> None:
        """The epoch's line."""
        self._follow(run)

    def _follow(self, run: Run) -> None:
        if self._file is None or _size(run.folder.metrics) == self._read:
            return
        lines = read_lines(run.folder.metrics, start=self._read)
        now = time.time()
        append(self._file, b"".join(_record(*point, now) for point in _points(lines)))
        self._read = _size(run.folder.metrics)


def _points(lines: Iterable[dict[str, Any]]) -> Iterator[Point]:
    """The scalars in lines of ``metrics.jsonl``; what is no number is left out."""
    for line in lines:
        if line["kind"] == "train":
            values = {"train/loss": line["loss"], "learning_rate": line["lr"]}
        else:
            values = {f"train_epoch/{name}": value for name, value in line["train"].items()}
            values |= {f"val/{name}": value for name, value in line["val"].items()}
        for tag, value in values.items():
            if isinstance(value, (int, float)):
                yield tag, int(line["step"]), float(value)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _version(when: float) -> bytes:
    """The record that begins an event file."""
    from tensorboard.compat.proto.event_pb2 import Event

    return _framed(Event(wall_time=when, file_version="brain.Event:2"))


def _record(tag: str, step: int, value: float, when: float) -> bytes:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
    return _framed(Event(wall_time=when, step=step, summary=summary))


def _framed(event: Any) -> bytes:
    """A record of an event file: its length, its bytes, their checksums."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    buffer = BytesIO()
    RecordWriter(buffer).write(event.SerializeToString())
    return buffer.getvalue()


def _times(path: Path) -> Iterator[tuple[tuple[str, int], float]]:
    """When each point of an event file was written; a file that cannot be read has none."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    try:
        for event in LegacyEventFileLoader(str(path)).Load():
            for value in event.summary.value:
                yield (value.tag, event.step), event.wall_time
    except Exception:  # a foreign or torn file: what it holds is written anew, only the times are lost
        return
