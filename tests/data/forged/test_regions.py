"""When a mask or an original may be laid over a fake, and what the blocks of both say: made frames, no files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dfcore.data.forged import regions
from dfcore.data.forged.cells import cells_over, forged_cells
from dfcore.data.forged.regions import difference_maps, mask_maps
from dfcore.errors import MediaError

FAKE, OTHER = Path("fake.mp4"), Path("other.mp4")


class Files:
    """What the two files hold: sizes, numbers of frames, and a luma plane for each index."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.infos: dict[Path, Any] = {}
        self.planes: dict[Path, dict[int, np.ndarray]] = {}
        self.threads: list[int] = []
        monkeypatch.setattr(regions, "probe", self.infos.__getitem__)
        monkeypatch.setattr(regions, "decode", self._decode)

    def add(self, path: Path, planes: Sequence[np.ndarray], *, count: int | None = None, rotation: int = 0) -> None:
        height, width = planes[0].shape
        self.infos[path] = SimpleNamespace(
            path=path,
            width=width,
            height=height,
            rotation=rotation,
            frame_count=len(planes) if count is None else count,
        )
        self.planes[path] = dict(enumerate(planes))

    def _decode(self, path: Path, wanted: Sequence[int], *, side_data: bool, threads: int) -> Iterator[Any]:
        assert not side_data
        self.threads.append(threads)
        return (SimpleNamespace(index=n, y=self.planes[path][n]) for n in wanted if n in self.planes[path])


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    return Files(monkeypatch)


def level(value: int, height: int = 32, width: int = 40) -> np.ndarray:
    return np.full((height, width), value, np.uint8)


def test_a_masks_pixel_is_marked_from_48_on_and_a_block_by_its_share(files: Files) -> None:
    mask = level(47)
    mask[:8, 8:16] = 48
    mask[8:12, :8] = 255
    files.add(FAKE, [level(90)] * 6)
    files.add(OTHER, [level(0), mask, level(0), level(0), level(0), level(0)])
    found = mask_maps(FAKE, OTHER, [9, 1, 0], threads=3)
    assert list(found) == [0, 1]  # of those that it has, in order
    assert found[0].shape == (4, 5)
    assert not found[0].any()
    expected = np.zeros((4, 5))
    expected[0, 1], expected[1, 0] = 1, 0.5
    np.testing.assert_allclose(found[1], expected)
    assert files.threads == [3]


def test_a_mask_of_another_size_is_scaled_to_whole_blocks_of_the_video(files: Files) -> None:
    small = level(0, 18, 22)
    small[:, :4] = 255
    files.add(FAKE, [level(90, 36, 44)] * 3)  # four rows and five columns of whole blocks
    files.add(OTHER, [small] * 3)
    found = mask_maps(FAKE, OTHER, [2])[2]
    assert found.shape == (4, 5)
    np.testing.assert_allclose(found, np.tile([1.0, 0, 0, 0, 0], (4, 1)), atol=1e-6)


@pytest.mark.parametrize(
    ("width", "height", "frames", "said"),
    [
        (400, 320, 100, ""),
        (407, 320, 100, ""),  # 1.75 % wider
        (409, 320, 100, "not the same shape"),
        (320, 400, 100, "not the same shape"),
        (391, 320, 100, "not the same shape"),
        (400, 320, 98, ""),
        (400, 320, 102, ""),
        (400, 320, 97, "which belong together"),
        (400, 320, 103, "which belong together"),
    ],
)
def test_a_mask_has_the_fakes_shape_and_length(files: Files, width: int, height: int, frames: int, said: str) -> None:
    files.add(FAKE, [level(90, 320, 400)], count=100)
    files.add(OTHER, [level(255, height, width)], count=frames)
    if said:
        with pytest.raises(MediaError, match=rf"^other.mp4: the mask .*{said}"):
            mask_maps(FAKE, OTHER, [0])
    else:
        assert (mask_maps(FAKE, OTHER, [0])[0] == 1).all()


@pytest.mark.parametrize(("frames", "fits"), [(202, True), (204, True), (205, False), (196, True), (195, False)])
def test_of_a_long_mask_two_per_cent_may_be_missing(files: Files, frames: int, fits: bool) -> None:
    files.add(FAKE, [level(90)], count=200)
    files.add(OTHER, [level(255)], count=frames)
    if fits:
        mask_maps(FAKE, OTHER, [0])
    else:
        with pytest.raises(MediaError, match=f"has {frames} frames and the video 200"):
            mask_maps(FAKE, OTHER, [0])


def test_a_difference_is_the_fakes_block_mean_minus_the_originals(files: Files) -> None:
    fake, first = level(100), level(100)
    fake[8:16, 16:24] = 140
    fake[0, 0] = 164  # one of 64 pixels
    first[24:32, 32:40] = 130
    files.add(FAKE, [level(100), fake, level(100), fake])
    files.add(OTHER, [level(101), first, level(100)])
    found = difference_maps(FAKE, OTHER, [1, 0, 3, 7], threads=2)
    assert list(found) == [0, 1]  # frames that both have
    np.testing.assert_allclose(found[0], -1)
    expected = np.zeros((4, 5))
    expected[1, 2], expected[0, 0], expected[3, 4] = 40, 1, -30
    np.testing.assert_allclose(found[1], expected)
    assert files.threads == [2, 2]


@pytest.mark.parametrize(
    ("height", "width", "rotation", "fits"),
    [
        (47, 55, 0, True),
        (48, 40, 0, False),
        (32, 56, 0, False),
        (32, 40, 180, False),
        (20, 30, 0, True),
    ],
)
def test_a_copy_may_be_padded_by_less_than_a_macroblock(
    files: Files, height: int, width: int, rotation: int, fits: bool
) -> None:
    files.add(FAKE, [level(103)])
    files.add(OTHER, [level(100, height, width)], rotation=rotation)
    if not fits:
        said = rf"cannot be compared with other.mp4: 40x32, rotated by 0 degrees, and {width}x{height}, rotated by"
        with pytest.raises(MediaError, match=said):
            difference_maps(FAKE, OTHER, [0])
        return
    found = difference_maps(FAKE, OTHER, [0])[0]
    assert found.shape == (4, 5)
    rows, columns = min(4, height // 8), min(5, width // 8)
    assert (found[:rows, :columns] == 3).all()
    assert not found[rows:].any()
    assert not found[:, columns:].any()


@pytest.mark.parametrize(("levels", "same"), [(6, True), (7, False), (-6, True), (-7, False)])
def test_frames_that_differ_in_half_of_their_blocks_are_other_frames(files: Files, levels: int, same: bool) -> None:
    fake = level(100)
    fake[:, :24] += np.uint8(levels % 256)  # three of five columns
    files.add(FAKE, [fake])
    files.add(OTHER, [level(100)])
    if same:
        difference_maps(FAKE, OTHER, [0])
    else:
        with pytest.raises(MediaError, match="half of each image differs by 7 luma levels"):
            difference_maps(FAKE, OTHER, [0])
    fewer = level(100)
    fewer[:, :16] = 250  # two of five, however strongly
    files.add(FAKE, [fewer])
    assert difference_maps(FAKE, OTHER, [0])[0].max() == 150


def test_frames_that_are_not_there_are_said(files: Files) -> None:
    files.add(FAKE, [level(100)] * 5)
    files.add(OTHER, [level(100)] * 2)
    with pytest.raises(MediaError, match=r"none of the frames looked at is in other\.mp4, which has 2"):
        difference_maps(FAKE, OTHER, [3])
    files.add(OTHER, [level(100)] * 5)
    del files.planes[OTHER][1]
    with pytest.raises(MediaError, match="one of the two files is damaged"):
        difference_maps(FAKE, OTHER, [0, 1, 2])


def test_a_cell_is_forged_from_the_limit_on() -> None:
    assert forged_cells(np.array([0.5, 0.499, 1.0]), "mask").tolist() == [True, False, True]
    assert forged_cells(np.array([1.0, 0.5, 0.499, 0.0]), "original").tolist() == [True, True, False, False]
    assert not forged_cells(np.array([0.999, 0.5]), "original").any()
    assert cells_over(np.ones((9, 9), np.float32), (4.0, 4.0, 56.0, 56.0)).shape == (7, 7)
    half = cells_over(np.eye(2, dtype=np.float32), (4.0, 0.0, 8.0, 16.0), 1)
    assert half.item() == pytest.approx(0.5)
