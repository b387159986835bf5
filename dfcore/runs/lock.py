"""One process at a time writes to a run's folder.

The file ``.lock`` in it says which process that is, on which host, since when and for what; a thread of that process
touches it every few seconds. A lock is stale, and the next process takes it over, when

- its process is gone, where that can be known: on the same machine (:func:`dfcore.filesystem.owner.machine`);
- its last touch is :data:`SILENCE` old, elsewhere: on a network disk a process number of another host means nothing.
  The disk's own clock tells, for two hosts' clocks differ.

A process that finds its lock taken over or gone (it slept too long, or somebody removed the folder) must write no more:
:meth:`RunLock.check` says so.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from dfcore.errors import RunError, RunLockedError, WriteError
from dfcore.filesystem.owner import is_alive, machine, process_start
from dfcore.filesystem.paths import exists, read_regular
from dfcore.filesystem.writing import require_target, writing
from dfcore.text import parse_json

__all__ = ["BEAT", "LOCK", "SILENCE", "Holder", "RunLock", "holder_of", "lives", "read_holder", "silence", "stop_hint"]

LOCK = ".lock"
BEAT = 10.0
"""Seconds between two touches of a lock."""
SILENCE = 180.0
"""Seconds without one after which a lock counts as stale: a network disk may show a touch late."""

_TRIES = 4
_TORN = 5.0
"""Seconds after which a lock that says nothing is nobody's: its writer was killed."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock.

    Attributes:
        host, pid: its process.
        since: when it began, as the host's clock had it (``2026-11-28T09:00:12+0000``).
        purpose: what it does (``training``).
        machine, started: what tells whether that process still lives; see :mod:`dfcore.filesystem.owner`.
        token: names this lock and no other.
    """

    host: str
    pid: int
    since: str
    purpose: str
    machine: str
    started: str
    token: str

    @classmethod
    def here(cls, purpose: str) -> Holder:
        """This process."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        pid = os.getpid()
        return cls(socket.gethostname(), pid, now, purpose, machine(), process_start(pid), secrets.token_hex(8))

    @property
    def is_here(self) -> bool:
        """Whether its process number means something on this machine."""
        return self.machine == machine()

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} ({self.purpose}, since {self.since})"


def holder_of(folder: Path) -> Holder | None:
    """Who holds the lock of a run's folder; None where nobody does, or only a stale one lies there."""
    path = folder / LOCK
    found = read_holder(path)
    return found if found is not None and lives(found, path) else None


class RunLock:
    """The lock of a run's folder, held while this context is open. The folder is made, and goes again if nothing
    was written to it.

    Args:
        folder: the run's.
        purpose: what it is held for, for whoever else wants it: ``training``.

    Raises:
        RunLockedError: another process holds it; the message says which, since when, and what to do.
        WriteError: the folder cannot be made or written to.
    """

    def __init__(self, folder: Path, purpose: str) -> None:
        self.path = folder / LOCK
        self._own = Holder.here(purpose)
        self._made: list[Path] = []
        self._taken = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name=f"lock of {folder.name}")

    def __enter__(self) -> RunLock:
        try:
            self._take()
        except BaseException as error:
            self._leave()
            if not isinstance(error, WriteError) or self._needed():
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._taken:
            return
        self._ended.set()
        self._thread.join()
        with suppress(OSError):
            if self._holds():
                self.path.unlink()
        self._leave()

    def _take(self) -> None:
        self._made = [folder for folder in self.path.parents if not exists(folder)]
        require_target(self.path.parent, folder=True)
        with writing(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self._acquire()
        self._thread.start()
        self._taken = True

    def _needed(self) -> bool:
        """Whether there is no going on where no lock can be written."""
        return True

    def _leave(self) -> None:
        """Remove the folders that were made, where nothing was written to them."""
        with suppress(OSError):
            for folder in self._made:
                folder.rmdir()

    def check(self) -> None:
        """Raise when this process must write no more.

        Raises:
            RunError: the lock was taken over by another process, or is gone.
        """
        if self._holds():
            return
        other = read_holder(self.path)
        found = f"{other} has taken it over: this one gave no sign of life for too long" if other else "it is gone"
        raise RunError(
            f"this process no longer holds the lock of the run in {self.path.parent}: {found}. It stops, lest two "
            "write there at once, or a folder come back that was removed. What was saved before is as it was."
        )

    def refusal(self, other: Holder | None) -> str:
        """What is said to whoever comes second; None where it cannot be told who was first."""
        if other is None:
            return f"{self.path.parent} is being taken by other processes at this moment. Try again."
        return (
            f"{self.path.parent} is in use by {other}. Two processes in one run would destroy each other's files. Wait "
            f"until it has ended, {stop_hint(other)}, or choose another run.out."
        )

    def _acquire(self) -> None:
        other = None
        for _ in range(_TRIES):
            if self._create():
                self._remove_strays()
                return
            other = read_holder(self.path)
            if other is not None and lives(other, self.path):
                raise RunLockedError(self.refusal(other))
            if other is None and silence(self.path) < _TORN:
                time.sleep(0.2)  # released meanwhile, or just being written on a disk without hard links
            else:
                self._set_aside(other)
        raise RunLockedError(self.refusal(other))

    def _remove_strays(self) -> None:
        """Files of a moment that killed processes left beside the lock."""
        for path in self.path.parent.glob(f"{LOCK}.*"):
            if silence(path) > SILENCE:
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def _create(self) -> bool:
        """Make the lock with its content in one step; whether it was not there."""
        content = (json.dumps(asdict(self._own)) + "\n").encode()
        own = self.path.with_name(f"{LOCK}.{self._own.token}")
        with writing(self.path, len(content)):
            try:
                own.write_bytes(content)
                try:
                    os.link(own, self.path)
                except FileExistsError:
                    return False
                except OSError:  # a disk without hard links
                    return self._create_exclusively(content)
            finally:
                own.unlink(missing_ok=True)
        return True

    def _create_exclusively(self, content: bytes) -> bool:
        try:
            with self.path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            return False
        return True

    def _set_aside(self, stale: Holder | None) -> None:
        """Remove a stale lock, and no other that came in its place meanwhile."""
        aside = self.path.with_name(f"{LOCK}.{self._own.token}.stale")
        with suppress(FileNotFoundError):
            self.path.rename(aside)
            if read_holder(aside) != stale:
                with suppress(OSError):
                    os.link(aside, self.path)
            aside.unlink()

    def _holds(self) -> bool:
        found = read_holder(self.path)
        return found is not None and found.token == self._own.token

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            with suppress(OSError):  # what is wrong with the disk shows where something is written
                if self._holds():
                    os.utime(self.path)


def stop_hint(holder: Holder) -> str:
    """How to end the process that holds a lock."""
    where = "" if holder.is_here else f" on {holder.host}"
    return f"stop it (`kill {holder.pid}`{where}: it saves, and can be resumed)"


def read_holder(path: Path) -> Holder | None:
    """Who left a lock; None where there is none, or it says nothing."""
    try:
        values = parse_json(read_regular(path).decode())
        found = Holder(**values)
    except (OSError, ValueError, TypeError):
        return None
    kinds = {"pid": int}
    right = all(isinstance(value, kinds.get(key, str)) for key, value in values.items())
    return found if right else None


def lives(holder: Holder, path: Path) -> bool:
    """Whether the process that left the lock ``path`` is to be taken for alive."""
    if holder.is_here and holder.started:
        return is_alive(holder.pid) and process_start(holder.pid) == holder.started
    return silence(path) < SILENCE and (not holder.is_here or is_alive(holder.pid))


def silence(path: Path) -> float:
    """Seconds since a lock's last touch, by the clock of its disk; 0 where it is not there."""
    probe = path.with_name(f"{LOCK}.{secrets.token_hex(8)}.now")
    try:
        touched = path.stat().st_mtime
    except OSError:
        return 0.0
    try:
        probe.touch()
        return probe.stat().st_mtime - touched
    except OSError:  # a folder that may only be read
        return time.time() - touched
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
