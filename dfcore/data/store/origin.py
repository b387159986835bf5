"""Which source file something was made of, so that a changed one is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from dfcore.filesystem.paths import is_file

__all__ = ["Origin"]

_WINDOWS = 16
_WINDOW = 1 << 14
"""Bytes of each of the 16 windows, spread evenly, that are hashed of a larger file; a smaller one is hashed whole."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A source file as it was: size in bytes, time of its last modification and of its inode's, a sampled hash.

    The inode's time cannot be set back, so that equal size and times say that the file is the same. A file that was
    copied or moved has other times: then its content decides, of which at most 256 KiB are read.

    Attributes:
        size: in bytes; -1 where it was not there.
        mtime_ns, ctime_ns: in nanoseconds; -1 where that is not known.
        sample: hash of size and content; "" where that is not known.
    """

    size: int = -1
    mtime_ns: int = -1
    ctime_ns: int = -1
    sample: str = ""

    @classmethod
    def of(cls, path: Path) -> Origin:
        """Of a file, without its sample; of one that is not there, ``Origin()``."""
        try:
            found = path.stat()
        except (OSError, ValueError):
            return cls()
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def sampled(self, path: Path) -> Origin:
        """With the sample of ``path``; "" where it cannot be read."""
        return replace(self, sample=_sample(path, self.size))

    def now(self, path: Path) -> Origin | None:
        """The origin that ``path`` has now, if it is still the same file, else None; one that is not there is
        ``Origin()``.
        """
        found = Origin.of(path)
        if found.size != self.size:
            return None
        if (found.mtime_ns, found.ctime_ns) == (self.mtime_ns, self.ctime_ns) or found.size < 0:
            return self
        found = found.sampled(path)
        same = found.sample == self.sample if self.sample else found.mtime_ns == self.mtime_ns
        return found if same else None

    def now_or_away(self, path: Path) -> Origin | None:
        """As :meth:`now`; a file that is not there at the moment does not speak against what was made of it."""
        return self if Origin.of(path).size < 0 else self.now(path)


def _sample(path: Path, size: int) -> str:
    digest = blake2b(size.to_bytes(9, "little", signed=True), digest_size=16)
    try:
        if not is_file(path):  # opening a pipe would wait for its writer
            return ""
        with path.open("rb") as file:
            if size <= _WINDOWS * _WINDOW:
                digest.update(file.read(_WINDOWS * _WINDOW))
            else:
                for window in range(_WINDOWS):
                    file.seek(window * (size - _WINDOW) // (_WINDOWS - 1))
                    digest.update(file.read(_WINDOW))
    except OSError:
        return ""
    return digest.hexdigest()
