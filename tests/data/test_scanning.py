"""What an adapter returns is checked where it is called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dfcore.data.records import Scan, VideoRecord
from dfcore.data.scanning import scan_dataset
from dfcore.errors import DatasetError, PluginError
from dfcore.specs import DatasetSpec

RECORD = VideoRecord("a", Path("a.mp4"), 0)


def scanned(records: Any) -> Scan:
    class Adapter:
        def scan(self, root: Path) -> Any:
            return records if isinstance(records, str) else Scan("made", root, tuple(records))

    return scan_dataset(DatasetSpec("made", "Made", Adapter), Path())


def test_a_good_scan_is_returned_as_it_is() -> None:
    records = (RECORD, replace(RECORD, id="b", label=1, audio_label=1, visual_label=0, split="val", group=("x",)))
    assert scanned(records).records == records


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (replace(RECORD, label="fake"), "its label is 'fake'; it must be 0 (real) or 1 (fake), a plain int. Write"),  # type: ignore[arg-type]
        (replace(RECORD, label=2), "its label is 2"),
        (replace(RECORD, label=True), "its label is True"),
        (replace(RECORD, label=None), "its label is None"),  # type: ignore[arg-type]
        (replace(RECORD, label=np.int64(1)), "its label is np.int64(1)"),  # type: ignore[arg-type]
        (replace(RECORD, audio_label="real"), "its audio_label is 'real'"),  # type: ignore[arg-type]
        (replace(RECORD, id=""), "its id must be a text"),
        (replace(RECORD, path="a.mp4"), "its path is a str. Write path=Path(...)"),  # type: ignore[arg-type]
        (replace(RECORD, split="valid"), "Did you mean 'val'?"),
        (replace(RECORD, group="x"), "its group is 'x'; it must be a tuple. Write group=('x',)"),  # type: ignore[arg-type]
        ("a.mp4", "bad record 1: it is a str, not a dfcore.VideoRecord"),
    ],
)
def test_a_bad_record_is_named(record: Any, says: str) -> None:
    with pytest.raises(PluginError) as found:
        scanned([record])
    assert says in str(found.value)
    assert "test_scanning.py:" in str(found.value)


def test_two_records_of_one_id_are_refused() -> None:
    with pytest.raises(PluginError, match="gave 1 ids to several records, 'a' for one"):
        scanned([RECORD, RECORD])


def test_what_is_no_scan_is_named() -> None:
    with pytest.raises(PluginError, match=r"returned a str, not a dfcore\.Scan"):
        scanned("nothing")


def test_an_adapters_own_refusal_passes_and_its_bugs_do_not() -> None:
    class Refuses:
        def scan(self, root: Path) -> Scan:
            raise DatasetError("not mine")

    class Fails:
        def scan(self, root: Path) -> Scan:
            raise KeyError("x")

    class Takes:
        def scan(self) -> Scan:
            raise AssertionError

    with pytest.raises(DatasetError, match="not mine"):
        scan_dataset(DatasetSpec("made", "Made", Refuses), Path())
    with pytest.raises(PluginError, match=r"failed in scan, .*test_scanning.py:\d+: KeyError"):
        scan_dataset(DatasetSpec("made", "Made", Fails), Path())
    with pytest.raises(PluginError, match=r"scan is called with \(root\); .*too many positional arguments"):
        scan_dataset(DatasetSpec("made", "Made", Takes), Path())
