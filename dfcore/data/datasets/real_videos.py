"""Any folder of real videos, at any depth: what pre-training on pseudo-fakes needs, and nothing more.

Each file is taken for a person of its own. Where one person is in many files, give those files one folder and use the
``folder`` adapter, or a ``csv`` manifest with a group for each.

Only real videos may be in it: what lies below a folder that is named as fakes are (``fake...``, ``manipulated...``,
``deepfakes``, ``...synthesis``, ``...FakeAudio``), and what a DFDC ``metadata.json`` beside it calls other than REAL,
is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dfcore.data.datasets.listing import LeftOut, Place, is_video, left_out_notes, walk
from dfcore.data.datasets.lists import read_json_table
from dfcore.data.datasets.roots import check_root
from dfcore.data.records import REAL, Scan, VideoRecord
from dfcore.errors import DatasetError

__all__ = ["RealVideos"]

NO_VIDEO = "no video"
FAKE_FOLDER = "below a folder named as fakes are"
NOT_REAL = "called fake by the metadata.json beside it"

_FAKE_NAME = re.compile(r"(fake|manipulated).*|deepfakes?|.*synthesis|.*fakeaudio", re.I)
_LIST = "metadata.json"


class RealVideos:
    """The adapter; see the module for the layout."""

    def scan(self, root: Path) -> Scan:
        """List every video below ``root`` as real, but for those that are named or listed as fake.

        Raises:
            DatasetError: ``root`` does not exist, is named as fakes are, or holds no real video.
        """
        root = check_root(root, "real videos")
        if _FAKE_NAME.fullmatch(root.name):
            raise DatasetError(f"{root} is named as a folder of fakes. Give a folder of real videos, or rename it.")
        left_out: list[LeftOut] = []
        records: list[VideoRecord] = []
        for place in walk(root, left_out):
            records += _videos(place, left_out)
        notes = left_out_notes(left_out, root)
        if not records:
            raise DatasetError(
                f"{root} holds no real video at any depth. {' '.join(notes) or 'It is empty.'} "
                "Give a folder of real videos."
            )
        return Scan(
            "real_videos",
            root,
            tuple(records),
            notes=("Every file is taken for a real video of a person of its own.", *notes),
        )


def _videos(place: Place, left_out: list[LeftOut]) -> Iterator[VideoRecord]:
    fake = any(map(_FAKE_NAME.fullmatch, place.below))
    listed = read_json_table(place.path / _LIST) if _LIST in place.listing.files else {}
    for name in place.listing.files:
        if name == _LIST:
            continue
        path, entry = place.path / name, listed.get(name)
        said = str(entry.get("label", "")) if isinstance(entry, dict) else ""
        if not is_video(name):
            left_out.append(LeftOut(path, NO_VIDEO))
        elif fake:
            left_out.append(LeftOut(path, FAKE_FOLDER))
        elif said and said.lower() != "real":
            left_out.append(LeftOut(path, NOT_REAL))
        else:
            below = place.named(name)
            yield VideoRecord(below, path, REAL, group=(below,))
