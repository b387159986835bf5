"""A Kaggle notebook or script: how it is told, and its folders.

::

    /kaggle/input       the attached datasets; read-only
    /kaggle/working     kept when the session ends; 20 GB at most
    /kaggle/temp        more space; gone when the session ends

``DFCORE_KAGGLE=/some/folder`` lets a folder of your own stand in for ``/kaggle`` (its ``working`` must be there),
``DFCORE_KAGGLE=no`` treats the machine like any other.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dfcore.errors import UsageError

__all__ = ["QUOTA", "FreeSpace", "Kaggle", "free_space", "kaggle", "run_folder"]

QUOTA = 20 * 10**9
"""Bytes that the working folder may hold."""


@dataclass(frozen=True, slots=True)
class Kaggle:
    """The folders, and by what they were known for Kaggle's."""

    root: Path
    reason: str

    @property
    def input(self) -> Path:
        """Attached datasets. Nothing may be written here."""
        return self.root / "input"

    @property
    def working(self) -> Path:
        """What is kept."""
        return self.root / "working"

    @property
    def scratch(self) -> Path:
        """FreeSpace for what need not be kept: ``temp``, or the system's temporary folder where that cannot be made."""
        temp = self.root / "temp"
        return temp if temp.is_dir() or os.access(self.root, os.W_OK) else Path(tempfile.gettempdir())

    def keeps(self, path: Path) -> bool:
        """Whether a path lies in the working folder, and so under its limit."""
        return path.absolute().is_relative_to(self.working)


def kaggle() -> Kaggle | None:
    """Kaggle's folders, where this is Kaggle.

    Raises:
        UsageError: ``DFCORE_KAGGLE`` names a folder without ``working``.
    """
    named, kind = os.environ.get("DFCORE_KAGGLE", ""), os.environ.get("KAGGLE_KERNEL_RUN_TYPE", "")
    if named.lower() in ("no", "off", "0"):
        return None
    if named:
        root = Path(named).expanduser().absolute()
        if not (root / "working").is_dir():
            raise UsageError(
                f"DFCORE_KAGGLE names {root}, which has no folder 'working'. Make it, or say DFCORE_KAGGLE=no."
            )
        return Kaggle(root, f"DFCORE_KAGGLE={named}")
    root = Path("/kaggle")
    return Kaggle(root, f"KAGGLE_KERNEL_RUN_TYPE={kind}") if kind and (root / "working").is_dir() else None


def run_folder() -> str:
    """Where runs go when nobody says: ``runs``, on Kaggle that of the folder which is kept."""
    here = kaggle()
    return "runs" if here is None else str(here.working / "runs")


@dataclass(frozen=True, slots=True)
class FreeSpace:
    """Bytes that may still be written somewhere, and whose limit that is."""

    free: int
    where: str


def free_space(path: Path) -> FreeSpace:
    """What may still be written at ``path``, which need not exist: the disk's free space, or in Kaggle's working folder
    what its limit leaves where that is less.
    """
    path = path.absolute()
    there = next(folder for folder in (path, *path.parents) if os.path.exists(folder))  # noqa: PTH110 - Path.exists raises for a name that is too long
    free, here = shutil.disk_usage(there).free, kaggle()
    if here is not None and here.keeps(path):
        left = max(0, QUOTA - _size(here.working))
        if left < free:
            return FreeSpace(left, f"{here.working} (Kaggle keeps {QUOTA // 10**9} GB there at most)")
    return FreeSpace(free, str(there))


def _size(folder: Path) -> int:
    """Bytes of all files below; what goes away meanwhile counts nothing."""
    total, open_folders = 0, [str(folder)]
    while open_folders:
        try:
            with os.scandir(open_folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        open_folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total
