"""Watching the disk while clips are prepared: a warning before it is full. (When it is, writing says so itself.)"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.format import evidence_name
from dfcore.data.store.index import IndexEntry
from dfcore.kaggle import free_space
from dfcore.text import count_of

__all__ = ["StoreWatch", "mean_size", "stored_size"]

FIRST = 4
"""Prepared videos that an estimate needs; it is made again each time there are twice as many."""
WORTH_SAYING = 1e9
"""Bytes from which on what the clips are likely to take is said though the disk will hold them."""


class StoreWatch:
    """Compares, now and then, what the videos still to be prepared are likely to take with the free space.

    Args:
        root: the clip store's folder.
        records: what is to be in it.
        warn: told once, when the space is unlikely to be enough.
        later: videos that will be prepared beside these, in chunks to come.
        chunked: whether dropping finished chunks would help.
        say: told once what is to be expected, where that is a gigabyte or more.
    """

    def __init__(
        self,
        root: Path,
        records: Sequence[VideoRecord],
        warn: Callable[[str], None],
        *,
        later: int = 0,
        chunked: bool = False,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._root, self._videos, self._warn = root, [record.id for record in records], warn
        self._later, self._chunked = later, chunked
        self._done, self._warned, self._say = 0, False, say
        self._look()

    def count(self) -> None:
        """A video has been dealt with."""
        self._done += 1
        if self._done >= FIRST and self._done.bit_count() == 1:
            self._look()

    def _look(self) -> None:
        if self._warned:
            return
        store = ClipStore(self._root)  # opened anew: other processes may be adding to it
        left = self._later + sum(video not in store and video not in store.failures for video in self._videos)
        if not left or len(store) < FIRST:
            return
        each, space = mean_size(store), free_space(self._root)
        if self._say is not None and each * left >= WORTH_SAYING:
            self._say(
                f"{count_of(left, 'video')} still to be prepared, likely {each * left / 1e9:.1f} GB at "
                f"{each / 1e6:.1f} MB each; {space.free / 1e9:.1f} GB are free in {space.where}"
            )
            self._say = None
        if each * left > space.free:
            self._warned = True
            self._warn(
                f"the disk may not hold all clips: {count_of(left, 'video')} still to be prepared, likely "
                f"{each * left / 1e9:.2f} GB at {each / 1e6:.1f} MB each; {space.free / 1e9:.2f} GB are free in "
                f"{space.where}. {self._advice()}"
            )

    def _advice(self) -> str:
        chunks = "drop chunks that are done (data.keep_chunks=1), " if self._chunked else ""
        return (
            f"You can {chunks}put the store on another disk (data.store), take fewer videos or clips "
            "(data.limit=N, data.clips_per_video=N), or free what old runs keep (dfcore runs prune). What is "
            "prepared stays, whatever happens."
        )


def mean_size(store: ClipStore, most: int = 64) -> float:
    """Bytes that a prepared video takes, evidence included: the mean of the latest ones; 0 for an empty store."""
    sizes = [stored_size(store, entry) for entry in islice(reversed(store.index.values()), most)]
    return sum(sizes) / max(len(sizes), 1)


def stored_size(store: ClipStore, entry: IndexEntry) -> int:
    """Bytes that a prepared video takes, evidence included."""
    evidence = (store.root / evidence_name(entry.stem, name, version) for name, version in entry.evidence.items())
    return entry.size + sum(path.stat().st_size for path in evidence if path.exists())
