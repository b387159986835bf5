"""Of a damaged file the longest part that was decoded, and shows the face, is taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dfcore.data.prepare.choose import _decoded_spans


class Track:
    """A face that is followed from one frame to another."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last

    def covers(self, frames: Sequence[int]) -> bool:
        return self.first <= frames[0] and frames[-1] <= self.last


@pytest.mark.parametrize(
    ("decoded", "track", "taken"),
    [
        (range(10), Track(0, 9), [range(5), range(5, 10)]),  # nothing is missing
        (range(3), Track(0, 9), [[0, 1, 2]]),  # it breaks off
        (range(1, 5), Track(0, 9), [[1, 2, 3, 4]]),  # its first frame is spoilt
        ([0, 2, 3, 5, 7, 8], Track(0, 9), [[2, 3]]),
        ([0, 2, 3, 4], Track(3, 9), [[3, 4]]),  # the face comes later
        ([0, 2, 3, 4], Track(6, 9), []),
        ([], Track(0, 9), []),
    ],
)
def test_the_longest_decoded_part_with_the_face_is_taken(decoded: Sequence[int], track: Any, taken: list[Any]) -> None:
    assert _decoded_spans([range(5), range(5, 10)], dict.fromkeys(decoded, 0.0), [track]) == taken
