"""Parts to chunks."""

from __future__ import annotations

from pathlib import Path

import pytest

from dfcore.data.datasets.chunks import with_chunks
from dfcore.data.records import VideoRecord
from dfcore.errors import ConfigError


def chunk(part: str, *mapping: str) -> int | None:
    return with_chunks([VideoRecord("a", Path("a.mp4"), 0, part=part)], mapping)[0].chunk


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("dfdc_train_part_0", 0),
        ("dfdc_train_part_4", 0),
        ("dfdc_train_part_05", 1),
        ("dfdc_train_part_49", 9),
        ("disk_b/dfdc_train_part_35", 7),
        ("chunk_3/dfdc_train_part_35", 7),  # where the parts are there, they say it
        ("chunk_3", 3),
        ("chunk_3/videos", 3),
        ("dfdc_chunk-07", 7),
        ("train_sample_videos", None),
        ("", None),
    ],
)
def test_the_datasets_own_chunks(part: str, expected: int | None) -> None:
    assert chunk(part) == expected


def test_fifty_parts_make_ten_chunks_of_five() -> None:
    chunks = [chunk(f"dfdc_train_part_{number}") for number in range(50)]
    assert chunks == [number for number in range(10) for _ in range(5)]


def test_a_mapping_of_ones_own_replaces_them() -> None:
    mapping = ("0=0-1+7", "3=Extra+49")
    parts = ("dfdc_train_part_0", "dfdc_train_part_1", "dfdc_train_part_7", "extra", "x/dfdc_train_part_49")
    assert [chunk(part, *mapping) for part in parts] == [0, 0, 0, 3, 3]
    assert chunk("dfdc_train_part_2", *mapping) is None
    assert chunk("chunk_3", *mapping) is None


@pytest.mark.parametrize("mapping", [("zero=1",), ("0",), ("0=",), ("0=1-3", "1=3")])
def test_a_mapping_that_cannot_be(mapping: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"data\.chunk_map"):
        chunk("x", *mapping)
