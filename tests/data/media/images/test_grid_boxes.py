"""What a photo in tiles says of itself, in each version of its boxes (ISO/IEC 14496-12, 8.11)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from heif_files import write_grid

from dfcore.data.media import decode, probe
from dfcore.data.media.images import grids
from dfcore.data.media.images.grids import Grid, read_grid
from dfcore.errors import MediaError
from dfcore.testing.media import scene

ITEM, OTHER = 700, 3


def box(kind: bytes, content: bytes, *, large: bool = False) -> bytes:
    if large:
        return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full(kind: bytes, version: int, content: bytes, flags: int = 0, *, large: bool = False) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags) + content, large=large)


def written(path: Path, *, wide: bool, inside: bool, turns: int = 1, kind: bytes = b"grid") -> Path:
    """A file of boxes alone: two rows of three tiles. ``wide``: the versions with longer numbers; ``inside``: the
    item's data lie in the ``meta`` box.
    """
    n = "I" if wide else "H"
    payload = bytes([0, int(wide), 1, 2]) + struct.pack(f">2{n}", 1500, 1001)

    def meta(place: int) -> bytes:
        count = 2
        infos = [
            full(b"infe", 3 if wide else 2, struct.pack(f">{n}H4s", item, 0, what))
            for item, what in ((OTHER, b"hvc1"), (ITEM, kind))
        ]
        entries = b""
        for item, at in ((OTHER, 0), (ITEM, place - 1)):
            how = struct.pack(">H", 0xABC0 | int(inside)) if wide or inside else b""
            extent = (struct.pack(">I", 9) if wide else b"") + struct.pack(">II", at, len(payload))
            entries += struct.pack(f">{n}", item) + how + struct.pack(">HIH", 0, 1, 1) + extent
        version = 2 if wide else int(inside)
        iloc = bytes([0x44, 0x40 | (4 if wide else 0)]) + struct.pack(f">{n}", count) + entries
        uses = b""
        for item, own in ((OTHER, 1), (ITEM, 2)):
            uses += struct.pack(f">{n}B", item, 2) + b"".join(
                struct.pack(">H", 0x8000 | index) if wide else bytes([0x80 | index]) for index in (own, own + 1)
            )
        properties = [box(b"irot", b"\3"), box(b"ispe", bytes(12)), box(b"irot", bytes([0xFC | turns]))]
        content = b"".join(
            [
                full(b"pitm", int(wide), struct.pack(f">{n}", ITEM)),
                full(b"iinf", int(wide), struct.pack(f">{n}", count) + b"".join(infos), large=wide),
                full(
                    b"iref",
                    int(wide),
                    box(b"thmb", struct.pack(f">{n}H{n}", ITEM, 1, OTHER))
                    + box(b"dimg", struct.pack(f">{n}H{n}", OTHER, 1, 9))
                    + box(b"dimg", struct.pack(f">{n}H6{n}", ITEM, 6, *range(11, 17))),
                ),
                full(b"iloc", version, iloc),
                box(
                    b"iprp",
                    box(b"ipco", b"".join(properties))
                    + full(b"ipma", int(wide), struct.pack(">I", count) + uses, flags=int(wide)),
                ),
                box(b"idat", b"\xff" * 5 + payload),
            ]
        )
        return full(b"meta", 0, content, large=wide)

    before = box(b"ftyp", b"mif1" + bytes(4)) + box(b"free", b"xyz", large=wide)
    start = len(before) + len(meta(1)) + 8
    path.write_bytes(before + meta(5 if inside else start) + box(b"mdat", payload))
    return path


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("turns", [0, 1, 3])
def test_a_grid_is_read_in_every_version_of_its_boxes(wide: bool, inside: bool, turns: int, tmp_path: Path) -> None:
    path = written(tmp_path / "a.heic", wide=wide, inside=inside, turns=turns)
    rotation = {0: 0, 1: 270, 3: 90}[turns]
    assert read_grid(path) == Grid(2, 3, 1500, 1001, (11, 12, 13, 14, 15, 16), rotation)


def test_a_photo_of_one_image_and_another_kind_of_file_are_no_grids(tmp_path: Path) -> None:
    path = written(tmp_path / "a.heic", wide=False, inside=True, kind=b"hvc1")
    assert read_grid(path) is None
    data = written(path, wide=False, inside=True).read_bytes()
    assert read_grid(path) is not None
    for changed in (data.replace(b"mif1", b"isom"), data.replace(b"ftyp", b"free", 1), data[:60], b""):
        path.write_bytes(changed)
        assert read_grid(path) is None


# -- put together ------------------------------------------------------------------------------------------------------


def test_tiles_that_cover_the_photo_exactly_are_enough_and_smaller_ones_are_damage(tmp_path: Path) -> None:
    path = write_grid(tmp_path / "a.heic", scene(256, 128, noise=0), 1, 2)
    frame = next(decode(path))
    assert (frame.y.shape, frame.u.shape) == ((128, 256), (64, 128))
    data = path.read_bytes()
    for width, height in ((258, 128), (256, 130)):
        path.write_bytes(data.replace(struct.pack(">HH", 256, 128), struct.pack(">HH", width, height), 1))
        with pytest.raises(MediaError, match=rf"its tiles do not cover its {width}x{height} pixels"):
            next(decode(path))


def test_an_odd_photo_keeps_the_chroma_of_its_last_row_and_column(tmp_path: Path) -> None:
    path = write_grid(tmp_path / "a.heic", scene(131, 67, noise=0), 1, 2)
    frame = next(decode(path))
    assert (frame.y.shape, frame.u.shape, frame.v.shape) == ((67, 131), (34, 66), (34, 66))
    assert (probe(path).width, probe(path).height) == (131, 67)


def test_a_photo_that_lacks_a_tile_says_how_many_are_there(tmp_path: Path) -> None:
    path = write_grid(tmp_path / "a.heic", scene(200, 100, noise=0), 1, 2)
    grid = read_grid(path)
    assert grid is not None
    for tiles, there in (((1, 99), 1), ((1,), 1)):
        with pytest.raises(MediaError, match=f"{there} of the 2 tiles of this photo are there"):
            grids.load(path, Grid(1, 2, grid.width, grid.height, tiles, 0))


def test_the_first_tile_gives_the_size_of_all_and_each_lies_in_its_place(tmp_path: Path) -> None:
    image = np.zeros((128, 192, 3), np.uint8)
    for number in range(6):
        row, column = divmod(number, 3)
        image[64 * row : 64 * row + 64, 64 * column : 64 * column + 64] = 30 + 40 * number
    y = next(decode(write_grid(tmp_path / "a.heic", image, 2, 3))).y.astype(int)
    levels = [y[64 * r + 32, 64 * c + 32] for r in range(2) for c in range(3)]
    assert np.allclose(levels, [16 + (30 + 40 * n) * 219 / 255 for n in range(6)], atol=3)
