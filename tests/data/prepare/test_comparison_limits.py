"""Where a difference begins that re-encoding does not leave: frames that were made of means of blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dfcore.data.prepare import comparison
from dfcore.data.prepare.comparison import compare_images

FAKE, ORIGINAL = Path("fake.mp4"), Path("original.mp4")
SIDE = 5
"""Blocks in a row and in a column."""


def compared(
    monkeypatch: pytest.MonkeyPatch, gaps: Sequence[np.ndarray], count: int = 8, decoded: list[int] | None = None
) -> Any:
    """A fake that differs from its grey original by ``gaps``, a level for each block, in each frame looked at."""

    def decode(path: Path, wanted: Iterable[int], **_: object) -> Iterator[Any]:
        for number, index in enumerate(wanted):
            if path == FAKE and decoded is not None:
                decoded.append(index)
            blocks = np.full((SIDE, SIDE), 100.0) + (gaps[number % len(gaps)] if path == FAKE else 0)
            yield SimpleNamespace(index=index, y=blocks.repeat(16, 0).repeat(16, 1))

    info = {"frame_count": count, "width": 16 * SIDE, "height": 16 * SIDE, "rotation": 0}
    monkeypatch.setattr(comparison, "probe", lambda path: SimpleNamespace(path=path, **info))
    monkeypatch.setattr(comparison, "decode", decode)
    return compare_images("v", FAKE, ORIGINAL)


def one_block(level: float, noise: float = 0.0) -> np.ndarray:
    found = np.full((SIDE, SIDE), noise)
    found[1, 3] = level
    return found


@pytest.mark.parametrize(
    ("level", "noise", "same"),
    [
        (0.5, 0.0, True),  # no manipulation leaves so little
        (0.75, 0.0, False),
        (2.5, 0.125, True),  # twenty times what is everywhere
        (2.75, 0.125, False),
        (4.0, 0.5, True),  # and never more than four levels
        (4.25, 0.5, False),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_block_that_differs_more_than_the_noise_explains_was_put_in(
    monkeypatch: pytest.MonkeyPatch, level: float, noise: float, same: bool, sign: int
) -> None:
    found = compared(monkeypatch, [sign * one_block(level, noise)])
    assert (found.same, found.difference, found.reason) == (same, level, "")


@pytest.mark.parametrize("sign", [1, -1])
def test_a_difference_of_more_than_ten_levels_in_one_frame_ends_it(monkeypatch: pytest.MonkeyPatch, sign: int) -> None:
    decoded: list[int] = []
    assert compared(monkeypatch, [sign * one_block(10.25)], decoded=decoded).difference == 10.25
    assert len(decoded) == 1
    decoded.clear()
    up_and_down = [one_block(10.0), one_block(-10.0)]
    assert compared(monkeypatch, up_and_down, decoded=decoded).same is True  # it is gone in the mean
    assert len(decoded) == 8


@pytest.mark.parametrize(
    ("count", "looked_at"), [(800, [50, 150, 250, 350, 450, 550, 650, 750]), (8, list(range(8))), (3, [0, 1, 2])]
)
def test_eight_frames_in_the_middle_of_equal_parts_are_compared(
    monkeypatch: pytest.MonkeyPatch, count: int, looked_at: list[int]
) -> None:
    decoded: list[int] = []
    assert compared(monkeypatch, [one_block(0.0)], count, decoded).same is True
    assert decoded == looked_at


def test_means_are_those_of_whole_blocks() -> None:
    luma = np.zeros((40, 33), np.uint8)
    luma[:16, 16:32], luma[32:, :], luma[:, 32:] = 8, 255, 255  # what is left over at the edges belongs to none
    assert comparison._block_means(luma).tolist() == [[0, 8], [0, 0]]
    assert comparison._block_means(np.full((8, 32), 7, np.uint8)).tolist() == [[7]]
    assert comparison._block_means(np.full((32, 8), 7, np.uint8)).tolist() == [[7]]
    assert comparison._block_means(np.full((16, 16), 7, np.uint8)).tolist() == [[7]]
