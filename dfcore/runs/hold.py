"""Who is at work on a clip store: several processes may be, and while one is, nobody deletes it.

Each leaves a file ``.in-use.TOKEN`` in the store, touched and found stale as a run's lock is
(:mod:`dfcore.runs.lock`). Whoever deletes takes the lock of the store's folder first and looks for such files then; who
comes looks for the lock after leaving its file. So of two that begin at once one sees the other.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from dfcore.errors import RunLockedError
from dfcore.filesystem.owner import machine
from dfcore.filesystem.paths import is_folder
from dfcore.runs.lock import SILENCE, Holder, RunLock, holder_of, lives, read_holder, silence

__all__ = ["StoreHold", "holders_of"]

_MARK = ".in-use"


class StoreHold(RunLock):
    """Says that this process is at work on a clip store, while this context is open.

    The folder is made, and goes again if nothing was written to it. A store that may only be read is not marked: nobody
    deletes it either.

    Args:
        store: the store's folder.
        purpose: ``preparing``, ``training``, ...

    Raises:
        RunLockedError: it is being deleted at this moment.
        WriteError: it is not there and cannot be made.
    """

    def __init__(self, store: Path, purpose: str) -> None:
        super().__init__(store, purpose)
        self._store = store
        self.path = store / f"{_MARK}.{self._own.token}"

    def _needed(self) -> bool:
        return not is_folder(self._store)  # of one that is there, whoever has something to write to it says more

    def _acquire(self) -> None:
        for path in _marks(self._store):
            _remove_stale(path)
        self._create()
        deleting = holder_of(self._store)
        if deleting is not None:
            self.path.unlink(missing_ok=True)
            raise RunLockedError(
                f"the clip store {self._store} is being deleted by {deleting}. Start again afterwards."
            )


def holders_of(store: Path, *, others: bool = False) -> list[Holder]:
    """The processes that are at work on a clip store.

    Args:
        store: its folder.
        others: leave out this process.
    """
    found = [(path, read_holder(path)) for path in _marks(store)]
    alive = [holder for path, holder in found if holder is not None and lives(holder, path)]
    own = Holder.here("")
    return [one for one in alive if not (others and (one.machine, one.pid) == (machine(), own.pid))]


def _marks(store: Path) -> list[Path]:
    try:
        return sorted(store.glob(f"{_MARK}.*"))
    except OSError:
        return []


def _remove_stale(path: Path) -> None:
    holder = read_holder(path)
    dead = not lives(holder, path) if holder is not None else silence(path) > SILENCE
    if dead:
        with suppress(OSError):
            path.unlink(missing_ok=True)
