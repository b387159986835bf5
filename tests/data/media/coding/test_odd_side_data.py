"""Side data that PyAV's table does not know lies beside what is read, and does not matter."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dfcore.data.media import decode, probe
from dfcore.testing.media import scene, write_video

LCEVC = bytes((0xB4, 0x00, 0x50, 0x00)) + bytes(8)
"""An ITU-T T.35 message that FFmpeg hands over as side data of type 28, beyond PyAV's table."""


def jpeg_with_exif(path: Path, index: int) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    Image.fromarray(scene(96, 80, index)).save(path, exif=exif)
    return path.read_bytes()


def test_a_motion_jpeg_whose_frames_have_exif(tmp_path: Path) -> None:
    path = tmp_path / "a.mjpeg"
    path.write_bytes(b"".join(jpeg_with_exif(tmp_path / "one.jpg", i) for i in range(4)))
    with av.open(str(path)) as container:
        types = {data.type.name for frame in container.decode(video=0) for data in frame.side_data}
    assert "UNKNOWN_31" in types  # else this tests nothing
    assert (probe(path).kind, [frame.index for frame in decode(path)]) == ("video", [0, 1, 2, 3])


def test_a_tiff_photo_with_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    Image.fromarray(scene(96, 80)).save(tmp_path / "a.tif", exif=exif)
    assert next(decode(tmp_path / "a.tif")).y.shape == (80, 96)


def with_sei(data: bytes) -> bytes:
    """An H.264 stream with the message before each coded image (Annex B; 7.3.2.3.1)."""
    payload = bytes((4, len(LCEVC))) + LCEVC + b"\x80"
    escaped = payload.replace(b"\0\0\0", b"\0\0\3\0").replace(b"\0\0\1", b"\0\0\3\1").replace(b"\0\0\2", b"\0\0\3\2")
    sei = b"\0\0\0\1\x06" + escaped
    out, at = b"", 0
    starts = [i for i in range(len(data) - 4) if data[i : i + 3] == b"\0\0\1" and data[i + 3] & 31 in (1, 5)]
    for start in starts:
        begin = start - 1 if data[start - 1] == 0 else start
        out += data[at:begin] + sei
        at = begin
    return out + data[at:]


def test_what_is_needed_is_read_although_something_unknown_lies_before_it(tmp_path: Path) -> None:
    plain = write_video(tmp_path / "a.h264", frames=4, width=96, height=80, options={"bf": "0", "slices": "1"})
    odd = tmp_path / "b.h264"
    odd.write_bytes(with_sei(plain.read_bytes()))
    with av.open(str(odd)) as container:
        assert all("UNKNOWN_28" in {data.type.name for data in frame.side_data} for frame in container.decode(video=0))
    found, expected = list(decode(odd)), list(decode(plain))
    assert len(found) == len(expected) == 4
    for one, other in zip(found, expected, strict=True):
        assert one.qp is not None
        assert other.qp is not None
        np.testing.assert_array_equal(one.qp, other.qp)


@pytest.mark.parametrize("value", [28, 31, 999])
def test_unknown_types_have_a_name(value: int) -> None:
    from av.sidedata.sidedata import Type

    assert Type(value).name == f"UNKNOWN_{value}"
    assert Type(6) is Type.DISPLAYMATRIX
    with pytest.raises(ValueError, match="no such thing"):
        Type("no such thing")
