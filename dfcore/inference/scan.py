"""Which files are judged: those that are named, and the videos and photos of folders that are named."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dfcore.data.datasets.listing import media_files
from dfcore.errors import DatasetError
from dfcore.filesystem.paths import is_folder

__all__ = ["Files", "scan_files"]


@dataclass(frozen=True, slots=True)
class Files:
    """What is to be judged.

    Attributes:
        found: the files, each once, in the order in which they were named; a folder's sorted by path.
        refused: what was named and cannot be read at all, with the reason.
        left_out: how many files of the folders are neither video nor photo.
    """

    found: tuple[Path, ...]
    refused: tuple[tuple[Path, str], ...] = ()
    left_out: int = 0

    def without(self, known: Container[str]) -> Files:
        """Those whose paths, as text, are not known."""
        return replace(
            self,
            found=tuple(path for path in self.found if str(path) not in known),
            refused=tuple(one for one in self.refused if str(one[0]) not in known),
        )


def scan_files(paths: Sequence[Path]) -> Files:
    """The files named and those in the folders named; :func:`dfcore.data.datasets.listing.media_files` says which.

    Raises:
        DatasetError: folders were named, and there is nothing in them.
    """
    found: dict[str, Path] = {}
    refused: dict[Path, str] = {}
    left_out = 0
    for path in paths:
        try:
            listed = media_files([path])  # one by one: where nothing of it can be read, the others go on
        except DatasetError as error:
            refused[path] = str(error)
            continue
        found.update({str(file.absolute()): file for file in listed.found if str(file.absolute()) not in found})
        left_out += len(listed.left_out)
    if not found and all(is_folder(path) for path in refused):
        raise DatasetError("\n".join(refused.values()) or "no file was named. Name videos, photos or folders.")
    return Files(tuple(found.values()), tuple(refused.items()), left_out)
