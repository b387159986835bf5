"""The dataset ``demo``: made where it is first asked for, then read as FaceForensics++."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dfcore.data.datasets.faceforensics import FaceForensics
from dfcore.data.records import Scan
from dfcore.testing.demo.maker import is_made, make_demo

__all__ = ["Demo"]

NOTE = (
    "demo data: rendered people and swaps made by dfcore, for trying and testing; no accuracy may be claimed from it."
)


class Demo:
    """The adapter of the data that dfcore makes itself; see :mod:`dfcore.testing.demo`."""

    def scan(self, root: Path) -> Scan:
        """List the videos under ``root``, making them first where there are none (half a minute on two cores, once).

        Demo data that was made there with other settings is used as it is.

        Raises:
            DatasetError: ``root`` holds something else, or cannot be written.
        """
        root = Path(root).absolute()
        if not is_made(root):
            make_demo(root)
        found = FaceForensics().scan(root)
        # What the full FaceForensics++ has beyond this is not missing from the demo.
        return replace(found, dataset="demo", missing={}, notes=(NOTE, *found.notes))
