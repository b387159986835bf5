"""The one walker, and the files that somebody names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dfcore.data.datasets.dfdc import DFDC
from dfcore.data.datasets.fakeavceleb import FakeAVCeleb
from dfcore.data.datasets.find import find_datasets
from dfcore.data.datasets.folder import Folder
from dfcore.data.datasets.listing import (
    CLIP_STORE,
    NOT_MEDIA,
    NOT_REGULAR,
    PHOTO_SUFFIXES,
    READ_ALREADY,
    UNREADABLE,
    VIDEO_SUFFIXES,
    LeftOut,
    first_bytes,
    left_out_notes,
    list_folder,
    listed,
    media_files,
    walk,
)
from dfcore.data.datasets.real_videos import RealVideos
from dfcore.data.media import probe
from dfcore.data.store.index import IndexEntry, Origin
from dfcore.errors import DatasetError
from dfcore.plugins import registry

from .conftest import touch

Reasons = set[tuple[str, str]]


def walked(top: Path) -> tuple[list[str], Reasons]:
    left_out: list[LeftOut] = []
    names = [place.named(file) for place in walk(top, left_out) for file in place.listing.files]
    return names, {(one.path.relative_to(top).as_posix(), one.reason) for one in left_out}


def store(folder: Path) -> Path:
    """A folder that looks like a clip store whose videos lie below ``real`` and ``fake``."""
    touch(folder, "real/a.safetensors", "fake/b.safetensors", "real/a.mp4")
    from dfcore.data.clips.plan import ClipPlan

    entry = IndexEntry("real/a", "real/a", 1, 0, "original", "", (8,), (0,), ClipPlan(), Origin())
    (folder / "index.jsonl").write_text(entry.to_line())
    return folder


def test_folders_come_in_the_order_of_their_names_and_hidden_ones_do_not(tmp_path: Path) -> None:
    touch(tmp_path, "b/x.mp4", "a/z/y.mp4", "a/x.mp4", "0.mp4", ".ipynb_checkpoints/0-checkpoint.mp4", "a/._x.mp4")
    assert walked(tmp_path) == (["0.mp4", "a/x.mp4", "a/z/y.mp4", "b/x.mp4"], set())


def test_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/a.mp4", "top/b/c.mp4")
    (tmp_path / "top/a").symlink_to("../elsewhere", target_is_directory=True)
    (tmp_path / "top/b/round").symlink_to("..", target_is_directory=True)
    (tmp_path / "top/c").symlink_to("b", target_is_directory=True)
    assert walked(tmp_path / "top") == (
        ["a/a.mp4", "b/c.mp4"],
        {("b/round", READ_ALREADY), ("c", READ_ALREADY)},
    )


def test_what_is_no_regular_file_is_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "gone.mp4").symlink_to("nowhere")
    (tmp_path / "itself.mp4").symlink_to("itself.mp4")
    names, left_out = walked(tmp_path)
    assert names == ["a.mp4"]
    assert left_out == {(name, NOT_REGULAR) for name in ("pipe.mp4", "gone.mp4", "itself.mp4")}


def test_a_folder_that_may_not_be_read_is_left_out_but_for_the_top(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "lost+found/b.mp4")

    def refuse(path: Path) -> object:
        if str(path).endswith("lost+found"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    scandir = os.scandir
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", refuse)
        assert walked(tmp_path) == (["a.mp4"], {("lost+found", UNREADABLE)})
        with pytest.raises(DatasetError, match=r"lost.found cannot be read: Permission denied"):
            walked(tmp_path / "lost+found")


def test_folders_of_any_depth_are_read(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(1200):  # deeper than Python calls itself
        folder /= "d"
        folder.mkdir()
    (folder / "a.mp4").touch()
    try:
        names, left_out = walked(tmp_path)
        assert (len(names), left_out) == (1, set())
    finally:  # pytest cannot remove so deep a folder
        (folder / "a.mp4").unlink()
        while folder != tmp_path:
            folder.rmdir()
            folder = folder.parent


def test_a_clip_store_is_never_taken_for_a_dataset(tmp_path: Path) -> None:
    touch(tmp_path, "real/r.mp4", "fake/f.mp4")
    made = store(tmp_path / "real/store")
    assert {record.id for record in Folder().scan(tmp_path).records} == {"real/r", "fake/f"}
    assert f"Left out, {CLIP_STORE}: 1 (real/store)." in Folder().scan(tmp_path).notes
    assert [one.root for one in find_datasets(tmp_path, registry().datasets().values())] == [tmp_path]
    assert find_datasets(store(tmp_path / "other").parent / "real", registry().datasets().values()) == []
    for adapter in (Folder(), RealVideos(), DFDC(), FakeAVCeleb()):
        with pytest.raises(DatasetError, match="is a clip store"):
            adapter.scan(made)
    with pytest.raises(DatasetError, match="is a clip store"):
        media_files([made])


def test_a_list_that_happens_to_be_called_index_makes_no_clip_store(tmp_path: Path) -> None:
    touch(tmp_path, "real/r.mp4", "fake/f.mp4")
    (tmp_path / "index.jsonl").write_text('{"video": "r.mp4", "length": 3}\n')
    assert len(Folder().scan(tmp_path).records) == 2


def test_a_folder_is_known_again_where_the_file_system_numbers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then all folders have the number 0; what their paths come to tells them apart."""
    touch(tmp_path, "a/x.mp4", "b/y.mp4")
    (tmp_path / "c").symlink_to("a", target_is_directory=True)
    stat = Path.stat

    def unnumbered(path: Path, **how: bool) -> os.stat_result:
        found = stat(path, **how)
        return os.stat_result((*found[:1], 0, *found[2:]))

    monkeypatch.setattr(Path, "stat", unnumbered)
    assert walked(tmp_path) == (["a/x.mp4", "b/y.mp4"], {("c", READ_ALREADY)})


@pytest.mark.parametrize(("count", "end"), [(5, "n3, n4"), (6, "n3, n4 and 1 more"), (2005, "n4 and 2,000 more")])
def test_five_names_are_shown_and_the_others_counted(count: int, end: str) -> None:
    assert listed([f"n{n}" for n in range(count)]).startswith("n0, n1, n2, ")
    assert listed([f"n{n}" for n in range(count)]).endswith(end)
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"


def test_three_of_what_is_left_out_are_named(tmp_path: Path) -> None:
    names = [LeftOut(tmp_path / f"{n}.txt", NOT_MEDIA) for n in range(4)]
    assert left_out_notes([*names, LeftOut(tmp_path / "store", CLIP_STORE)], tmp_path) == [
        f"Left out, {NOT_MEDIA}: 4 (0.txt, 1.txt, 2.txt and 1 more).",
        f"Left out, {CLIP_STORE}: 1 (store).",
    ]


def test_the_first_kibibyte_of_a_list_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + b"x" * 2000)
    assert first_bytes(tmp_path / "a.txt") == "x" * 1021
    assert first_bytes(tmp_path / "a.txt", 5) == "xx"
    assert first_bytes(tmp_path / "absent.txt") == ""


# -- the files that somebody names ---------------------------------------------------------------------------------


def test_a_folder_gives_its_media_and_what_else_is_in_it_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "b.MP4", "a/c.HEIC", "Thumbs.db", "metadata.json", ".hidden.mp4", ".ipynb_checkpoints/b.mp4")
    found = media_files([tmp_path])
    assert found.found == (tmp_path / "a/c.HEIC", tmp_path / "b.MP4")
    assert {(one.path.name, one.reason) for one in found.left_out} == {
        ("Thumbs.db", NOT_MEDIA),
        ("metadata.json", NOT_MEDIA),
    }
    assert found.refused == ()


def test_a_file_that_is_named_is_tried_and_comes_once(tmp_path: Path) -> None:
    touch(tmp_path, "Thumbs.db", "a.mp4", ".b.mp4")
    names = [tmp_path / "Thumbs.db", tmp_path / ".b.mp4", tmp_path / "a.mp4", tmp_path, tmp_path / "a.mp4"]
    assert media_files(names).found == (tmp_path / "Thumbs.db", tmp_path / ".b.mp4", tmp_path / "a.mp4")


def test_what_cannot_be_read_is_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "lists/metadata.json")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone").symlink_to("nowhere.mp4")
    names = [tmp_path / name for name in ("a.mp4", "none.mp4", "lists", "empty", "pipe", "gone")]
    found = media_files([*names, Path("/dev/null"), Path("-"), "http://example.org/a.mp4", "x\0.mp4"])
    assert found.found == (tmp_path / "a.mp4",)
    reasons = [one.reason for one in found.refused]
    for reason, words in zip(
        reasons,
        (
            "none.mp4: no such file. Check the path.",
            "lists: no video or photo in this folder. Left out, neither video nor photo: 1 (metadata.json).",
            "empty: no video or photo in this folder. It is empty.",
            "pipe: this is a pipe, not a file.",
            "gone: this link leads to nowhere.mp4, which is not there.",
            "/dev/null: this is a device, not a file.",
            "-: standard input cannot be read",
            "this is an address, not a file. Download it",
            ": no such file.",
        ),
        strict=True,
    ):
        assert words in reason


@pytest.mark.parametrize("name", ["empty", "lists", "none.mp4"])
def test_nothing_to_read_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    touch(tmp_path, "lists/Thumbs.db")
    with pytest.raises(DatasetError, match=rf"{name}: no (video or photo in this folder|such file)"):
        media_files([tmp_path / name])


def test_no_name_at_all_is_an_error() -> None:
    with pytest.raises(DatasetError, match="no file was named"):
        media_files([])


# -- what is read --------------------------------------------------------------------------------------------------

MUXERS = {
    "mpegts": (".m2t .m2ts .mts .ts", "libx264"),
    "mp4": (".insv .lrv .m4v .mp4", "libx264"),
    "mov": (".mov .qt", "libx264"),
    "3gp": (".3gp", "libx264"),
    "3g2": (".3g2", "mpeg4"),
    "f4v": (".f4v", "libx264"),
    "flv": (".flv", "flv1"),
    "asf": (".asf .wmv", "wmv2"),
    "avi": (".avi .divx", "mpeg4"),
    "matroska": (".mk3d .mkv", "libx264"),
    "webm": (".webm", "libvpx"),
    "ivf": (".ivf", "libvpx"),
    "mpeg": (".mpe .mpeg .mpg", "mpeg1video"),
    "vob": (".vob", "mpeg2video"),
    "mpeg1video": (".m1v", "mpeg1video"),
    "mpeg2video": (".m2v", "mpeg2video"),
    "mxf": (".mxf", "mpeg2video"),
    "wtv": (".wtv", "mpeg2video"),
    "rm": (".rm .rmvb", "rv20"),
    "nut": (".nut", "ffv1"),
    "mjpeg": (".mjpeg .mjpg", "mjpeg"),
    "h264": (".264 .h264", "libx264"),
    "hevc": (".265 .h265 .hevc", "libx265"),
    "yuv4mpegpipe": (".y4m", "rawvideo"),
    "dv": (".dv", "dvvideo"),
}
IMAGES = ".apng .avif .bmp .gif .jfif .jp2 .jpe .jpeg .jpg .mpo .pgm .png .pnm .ppm .qoi .tga .webp"
UNWRITTEN = {".ogv", ".ogm", ".heic", ".heif", ".hif", ".tif", ".tiff"}
"""Read, but not written here: no encoder, or (TIFF) side data that PyAV's tables do not know."""


def write_video(path: Path, muxer: str, codec: str) -> Path:
    size = (720, 576) if codec == "dvvideo" else (128, 96)
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    pixels = np.indices(size[::-1]).sum(0).astype(np.uint8)
    with av.open(str(path), "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        for _ in range(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "gray").reformat(format=pix_fmt)))
        container.mux(stream.encode())
    return path


def test_each_suffix_is_tested_here() -> None:
    tested = {suffix for suffixes, _ in MUXERS.values() for suffix in suffixes.split()} | set(IMAGES.split())
    assert tested | UNWRITTEN == VIDEO_SUFFIXES | PHOTO_SUFFIXES
    assert not VIDEO_SUFFIXES & PHOTO_SUFFIXES


@pytest.mark.parametrize("muxer", MUXERS)
def test_every_video_suffix_is_one_that_is_read(tmp_path: Path, muxer: str) -> None:
    suffixes, codec = MUXERS[muxer]
    for suffix in suffixes.split():
        assert probe(write_video(tmp_path / f"v{suffix}", muxer, codec)).kind == "video"


@pytest.mark.parametrize("suffix", IMAGES.split())
def test_every_photo_suffix_is_one_that_is_read(tmp_path: Path, suffix: str) -> None:
    image = Image.fromarray(np.indices((64, 64)).sum(0).astype(np.uint8))
    image.convert("L" if suffix == ".pgm" else "RGB").save(tmp_path / f"i{suffix}")
    info = probe(tmp_path / f"i{suffix}")
    assert (info.width, info.height) == (64, 64)


@pytest.mark.parametrize("scan", [lambda top: Folder().scan(top).records, lambda top: media_files([top]).found])
def test_all_readers_take_the_same_suffixes_in_any_case(tmp_path: Path, scan: Callable[[Path], tuple[object]]) -> None:
    names = [f"{i}{suffix.upper()}" for i, suffix in enumerate(sorted(VIDEO_SUFFIXES | PHOTO_SUFFIXES))]
    touch(tmp_path / "real", *names, "notes.txt", "track.mp3")
    assert len(scan(tmp_path)) == len(names)
    assert set(list_folder(tmp_path / "real").files) == {*names, "notes.txt", "track.mp3"}
