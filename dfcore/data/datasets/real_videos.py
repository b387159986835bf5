"""Any folder of real videos, at any depth: what pre-training on pseudo-fakes needs, and nothing more.

Each file is taken for a person of its own. Where one person is in many files, give those files one folder and use the
``folder`` adapter, or a ``csv`` manifest with a group for each.
"""

from __future__ import annotations

import os
from pathlib import Path

from dfcore.data.datasets.listing import check_root, is_video
from dfcore.data.records import REAL, Scan, VideoRecord
from dfcore.errors import DatasetError

__all__ = ["RealVideos"]


class RealVideos:
    """The adapter; see the module for the layout."""

    def scan(self, root: Path) -> Scan:
        """List every video below ``root`` as real. Photos and other files are counted in the notes.

        Raises:
            DatasetError: ``root`` does not exist or holds no video.
        """
        root = check_root(root, "real footage")
        records, others = [], 0
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(name for name in names if not name.startswith(".")):
                if not is_video(name):
                    others += 1
                    continue
                path = Path(folder) / name
                below = path.relative_to(root).as_posix()
                records.append(VideoRecord(below, path, REAL, group=(below,)))
        if not records:
            raise DatasetError(
                f"{root} holds no video at any depth ({others} other files). Point at a folder of real videos."
            )
        notes = ["every file is taken for a real video of a person of its own"]
        if others:
            notes.append(f"files that are no videos: {others:,}")
        return Scan("footage", root, tuple(records), notes=tuple(notes))
