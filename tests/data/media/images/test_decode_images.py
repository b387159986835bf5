"""Images through Pillow: one frame, converted once, EXIF orientation understood."""

import numpy as np
import pytest
from PIL import Image

from dfcore.data.media import decode, decode_audio, probe
from dfcore.data.media.images.still import is_image
from dfcore.testing.media import scene

COLOUR = (200, 60, 30)


def only_frame(path):
    (frame,) = decode(path)
    return frame


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.png", "png"), ("a.bmp", "bmp"), ("a.webp", "webp"), ("a.jpg", "jpeg"), ("jpeg_in_name.png", "png")],
)
def test_each_format_gives_one_frame_of_the_right_colours(tmp_path, name, codec):
    path = tmp_path / name
    Image.new("RGB", (61, 47), COLOUR).save(path)
    info = probe(path)
    assert (info.kind, info.codec, info.width, info.height, info.frame_count) == ("image", codec, 61, 47, 1)
    assert (info.colour_matrix, info.colour_range, info.has_audio, info.fps) == ("bt601", "pc", False, 0.0)
    frame = only_frame(path)
    assert (frame.index, frame.time, frame.qp, frame.motion) == (0, 0.0, None, None)
    assert frame.y.shape == (47, 61)
    assert frame.u.shape == frame.v.shape == (24, 31)
    np.testing.assert_allclose(frame.rgb()[0].reshape(-1, 3).astype(int), [COLOUR] * (47 * 61), atol=4)


def test_the_contents_decide_not_the_name(tmp_path):
    path = tmp_path / "really_a.png"
    Image.fromarray(scene(64, 48)).save(path, "JPEG")
    assert probe(path).codec == "jpeg"


def test_luma_of_a_jpeg_is_as_stored(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(scene(97, 65)).save(path, quality=80)
    stored = Image.open(path)
    stored.draft("YCbCr", stored.size)  # libjpeg's own output, before any colour conversion
    y, u, _ = (np.asarray(channel) for channel in stored.split())
    frame = only_frame(path)
    np.testing.assert_array_equal(frame.y, y)
    np.testing.assert_array_equal(frame.u[:32, :48], (u[:64, :96].reshape(32, 2, 48, 2).sum((1, 3), int) + 2) // 4)
    assert frame.v.shape == (33, 49)
    assert probe(path).converted == "ycbcr -> yuv420p"


@pytest.mark.parametrize(
    ("mode", "value", "rgb", "converted"),
    [
        ("RGBA", (*COLOUR, 10), COLOUR, "rgba -> yuv420p"),
        ("L", 90, (90, 90, 90), "l -> yuv420p"),
        ("LA", (90, 10), (90, 90, 90), "la -> yuv420p"),
        ("I;16", 90 * 256 + 7, (90, 90, 90), "i;16 -> yuv420p"),
        ("1", 1, (255, 255, 255), "1 -> yuv420p"),
    ],
)
def test_other_modes(tmp_path, mode, value, rgb, converted):
    path = tmp_path / "a.png"
    Image.new(mode, (32, 32), value).save(path)
    assert probe(path).converted == converted
    np.testing.assert_allclose(only_frame(path).rgb()[0][5, 5].astype(int), rgb, atol=4)


def test_palette_and_cmyk(tmp_path):
    Image.new("RGB", (32, 32), COLOUR).quantize(4).save(tmp_path / "a.png")
    Image.new("RGB", (32, 32), COLOUR).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    for name in ("a.png", "a.jpg"):
        np.testing.assert_allclose(only_frame(tmp_path / name).rgb()[0][5, 5].astype(int), COLOUR, atol=6)


UNDO = {
    1: lambda p: p,
    3: lambda p: np.rot90(p, 2),
    6: lambda p: np.rot90(p, 1),
    8: lambda p: np.rot90(p, -1),
}


@pytest.mark.parametrize(("orientation", "rotation"), [(1, 0), (3, 180), (6, 90), (8, 270)])
def test_exif_orientation_is_a_rotation(tmp_path, orientation, rotation):
    upright = np.zeros((64, 48, 3), np.uint8)
    upright[:16] = COLOUR  # the top is coloured
    stored = Image.fromarray(np.ascontiguousarray(UNDO[orientation](upright)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    stored.save(path, exif=exif, quality=95)
    info = probe(path)
    assert (info.rotation, info.width, info.height) == (rotation, stored.width, stored.height)
    image, _ = only_frame(path).rgb()
    np.testing.assert_allclose(image.astype(int)[4, 24], COLOUR, atol=10)
    assert image.shape == (64, 48, 3)
    assert image[40:].max() < 20


@pytest.mark.parametrize(("orientation", "rotation"), [(2, 0), (4, 180), (5, 90), (7, 270)])
def test_of_a_mirrored_orientation_the_turn_is_kept(tmp_path, orientation, rotation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    Image.fromarray(scene(32, 32)).save(path, exif=exif)
    assert probe(path).rotation == rotation


def test_wanted_and_audio_of_a_image(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (32, 32), COLOUR).save(path)
    assert list(decode(path, [1, 2])) == []
    assert decode_audio(path) is None


def test_of_a_photo_only_the_first_frame_is_there(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (61, 47), COLOUR).save(path)
    assert [len(list(decode(path, wanted))) for wanted in (None, [0], [0, 3], [1], [])] == [1, 1, 1, 0, 0]


def chunk(kind, content):
    return len(content).to_bytes(4, "big") + kind + content + bytes(4)


HEADER = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13))


@pytest.mark.parametrize(
    ("rest", "animated"),
    [
        (chunk(b"acTL", (2).to_bytes(4, "big") + bytes(4)) + chunk(b"IDAT", b"x"), True),
        (chunk(b"acTL", (256).to_bytes(4, "big") + bytes(4)) + chunk(b"IDAT", b"x"), True),
        (chunk(b"tEXt", b"words") + chunk(b"acTL", (3).to_bytes(4, "big") + bytes(4)), True),
        (chunk(b"acTL", (1).to_bytes(4, "big") + bytes(4)) + chunk(b"IDAT", b"x"), False),
        (chunk(b"IDAT", b"x") + chunk(b"acTL", (3).to_bytes(4, "big") + bytes(4)), False),
        (chunk(b"acTL", (512).to_bytes(4, "big"))[:11], False),  # cut off in its number
        (b"", False),
    ],
)
def test_a_png_is_a_video_where_its_header_says_several_frames(tmp_path, rest, animated):
    path = tmp_path / "a.png"
    path.write_bytes(HEADER + rest)
    assert is_image(path) == (not animated)
