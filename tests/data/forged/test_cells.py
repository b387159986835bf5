"""Which cells of a map lie on what was forged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from two_people import HEIGHT, RIGHT, WIDTH, box, write_mask

from dfcore.data.forged import cells
from dfcore.data.forged.cells import cells_over, forged_cells, forged_maps
from dfcore.data.records import VideoRecord
from dfcore.errors import MediaError


def test_means_over_cells_of_a_part_of_the_frame() -> None:
    """Blocks of 8 pixels: the square takes the second to fifth block of both axes, two to a cell."""
    values = np.arange(36, dtype=np.float32).reshape(6, 6)
    found = cells_over(values, (8, 8, 32, 32), 2)
    assert found.tolist() == [[10.5, 12.5], [22.5, 24.5]]


def test_what_lies_beyond_the_frame_counts_as_nothing() -> None:
    values = np.ones((4, 4), np.float32)
    assert cells_over(values, (-32, 0, 64, 32), 2).tolist() == [[0, 1], [0, 1]]
    assert cells_over(values, (16, 16, 32, 32), 2).tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize("dx", [-12, 0, 12])
@pytest.mark.parametrize("dy", [-12, 0, 12])
def test_a_square_beyond_the_edge_by_part_of_a_block_is_as_in_a_larger_black_frame(dx: int, dy: int) -> None:
    values = np.random.default_rng(0).random((4, 4), np.float32)
    larger = np.pad(values, 2)
    found = cells_over(values, (dx, dy, 32, 32), 2)
    np.testing.assert_array_equal(found, cells_over(larger, (dx + 16, dy + 16, 32, 32), 2))


def test_what_became_darker_differs_as_what_became_brighter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "difference_maps", lambda *_, **__: {3: np.array([[-2.0, 1.5]], np.float32)})
    maps, _ = forged_maps(VideoRecord("fake", Path("fake.mp4"), 1, original_path=Path("original.mp4")), [3])
    assert maps[3].tolist() == [[2.0, 1.5]]


def test_forged_cells_by_mask_and_by_difference() -> None:
    values = np.array([[0.6, 0.4], [0.5, 0.0]])
    assert forged_cells(values, "mask").tolist() == [[True, False], [True, False]]
    assert not forged_cells(values, "original").any(), "less than a level"
    assert forged_cells(10 * values, "original").tolist() == [[True, True], [True, False]]


def test_the_mask_goes_before_the_original_unless_it_is_empty(fake: Path, original: Path, tmp_path: Path) -> None:
    right, empty = (write_mask(tmp_path / f"{n}.mp4", parts) for n, parts in (("right", [box(RIGHT)]), ("empty", [])))
    for mask, means in ((right, "mask"), (empty, "original"), (None, "original")):
        maps, found = forged_maps(VideoRecord("fake", fake, 1, mask=mask, original_path=original), [3, 9])
        assert (found, sorted(maps)) == (means, [3, 9])
        x0, y0, x1, y1 = box(RIGHT)
        face = cells_over(maps[3], (x0, y0, x1 - x0, y1 - y0), 1).item()
        assert face > 10 * cells_over(maps[3], (0, 0, WIDTH, HEIGHT), 1).item() / 2.5
    with pytest.raises(MediaError, match="neither a mask nor an original"):
        forged_maps(VideoRecord("fake", fake, 1), [3])
    with pytest.raises(MediaError, match="black in all frames"):
        forged_maps(VideoRecord("fake", fake, 1, mask=empty), [3])
