"""A share of a dataset's videos, so that many machines prepare it without knowing of each other."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from dfcore.data.records import VideoRecord
from dfcore.errors import UsageError
from dfcore.text import name_bytes

__all__ = ["Shard"]


@dataclass(frozen=True, slots=True)
class Shard:
    """Share ``number`` of ``count``, from 1.

    Which share a video is in follows from its id alone: not from the machine, the order, or what is there already.

    Raises:
        UsageError: there is no such share.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise UsageError(f"a shard must be 1/N to N/N, not {self.number}/{self.count}.")

    @classmethod
    def parse(cls, text: str) -> Shard:
        """``"3/16"``.

        Raises:
            UsageError: it is of another form, or there is no such share.
        """
        number, slash, count = text.partition("/")
        if not slash or not number.strip().isdecimal() or not count.strip().isdecimal():
            raise UsageError(f"a shard is written I/N, as 3/16, not {text!r}.")
        return cls(int(number), int(count))

    def of(self, records: Sequence[VideoRecord]) -> list[VideoRecord]:
        """Those of the records that are in this share, in their order."""
        return [record for record in records if self._place(record.id) == self.number - 1]

    def _place(self, video: str) -> int:
        return int.from_bytes(hashlib.blake2b(name_bytes(video), digest_size=8).digest(), "little") % self.count
