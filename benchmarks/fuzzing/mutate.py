"""Mutations of bytes: what disks, downloads, buggy writers and attackers do to a file. All from a random generator."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable, Sequence

__all__ = ["BYTE_MUTATIONS", "TEXT_MUTATIONS", "mutate_bytes", "mutate_text"]

Mutation = Callable[[bytearray, random.Random], str]

INTERESTING = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Values at which lengths, counts and signs turn over."""
_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_ ]{3}")
_MAGIC = (
    b"RIFF", b"ftyp", b"moov", b"\x1aE\xdf\xa3", b"OggS", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe1", b"BM",
    b"#EXTM3U\n", b"ffconcat version 1.0\n", b"PK\x03\x04", b"FLV\x01", b"\x00\x00\x01\xba", b"\x47\x40", b"8BPS",
    b"II*\x00", b"\x80\x02", b"<MPD>", b"v=0\r\n", b"\x00\x00\x00\x0cJXL ", b"qoif",
)  # fmt: skip
"""How files of other kinds begin."""
_BOXES = (b"moov", b"trak", b"stsz", b"stts", b"stco", b"elst", b"mdat", b"free", b"dref", b"tkhd", b"meta", b"iloc",
          b"grid", b"irot", b"cmov", b"VP8X", b"ANMF", b"ALPH", b"idx1", b"LIST", b"strf", b"acTL")  # fmt: skip
"""Names of parts, for a part of one name where another is expected."""


def flip_bits(data: bytearray, rng: random.Random) -> str:
    count = rng.choice((1, 1, 2, 8, 64))
    for _ in range(count):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return f"flip {count} bits"


def flip_in_head(data: bytearray, rng: random.Random) -> str:
    for _ in range(4):
        data[rng.randrange(min(len(data), 256))] ^= 1 << rng.randrange(8)
    return "flip 4 bits of the head"


def overwrite(data: bytearray, rng: random.Random) -> str:
    at, size = rng.randrange(len(data)), rng.choice((1, 4, 16, 256, 4096))
    run = rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size)))
    data[at : at + size] = run[: max(0, len(data) - at)]
    return f"overwrite {size} bytes at {at}"


def truncate(data: bytearray, rng: random.Random) -> str:
    keep = rng.choice((0, rng.randrange(64), rng.randrange(len(data)), len(data) - rng.randrange(1, 64)))
    del data[max(0, keep) :]
    return f"keep {keep} bytes"


def cut_out(data: bytearray, rng: random.Random) -> str:
    at, size = rng.randrange(len(data)), rng.choice((1, 2, 4, 64, 1024))
    del data[at : at + size]
    return f"cut {size} bytes out at {at}"


def insert(data: bytearray, rng: random.Random) -> str:
    at, size = rng.randrange(len(data)), rng.choice((1, 2, 4, 64, 1024))
    data[at:at] = rng.choice((bytes(size), rng.randbytes(size)))
    return f"insert {size} bytes at {at}"


def duplicate(data: bytearray, rng: random.Random) -> str:
    at, size = rng.randrange(len(data)), rng.choice((8, 64, 1024, len(data)))
    data[at:at] = data[at : at + size]
    return f"double {size} bytes at {at}"


def swap(data: bytearray, rng: random.Random) -> str:
    size = rng.choice((4, 64, 512))
    one, other = sorted(rng.randrange(len(data)) for _ in range(2))
    if other + size > len(data) or one + size > other:
        return flip_bits(data, rng)
    data[one : one + size], data[other : other + size] = data[other : other + size], data[one : one + size]
    return f"swap {size} bytes at {one} and {other}"


def set_number(data: bytearray, rng: random.Random) -> str:
    """A length, count or time somewhere, of either byte order."""
    at, form = rng.randrange(len(data)), rng.choice(("B", ">H", "<H", ">I", "<I", ">Q", "<Q"))
    size = struct.calcsize(form)
    value = rng.choice((*INTERESTING, len(data), rng.getrandbits(8 * size))) & ((1 << 8 * size) - 1)
    if at + size <= len(data):
        struct.pack_into(form, data, at, value)
    return f"{form} {value} at {at}"


def _names(data: bytearray) -> list[int]:
    return [match.start() for match in _NAME.finditer(bytes(data[:65536]))] + [
        match.start() for match in _NAME.finditer(bytes(data[-8192:])) if len(data) < 8192
    ]


def set_field_of_part(data: bytearray, rng: random.Random) -> str:
    """The length before or after a four-letter name, or a number soon after it (MP4, RIFF, PNG, zip and their kin)."""
    found = _names(data)
    if not found:
        return set_number(data, rng)
    name = rng.choice(found)
    at = name + rng.choice((-4, 4, 4, 8, 12, 16, 20, 24))
    if not 0 <= at <= len(data) - 4:
        return flip_bits(data, rng)
    now, form = struct.unpack_from(">I", data, at)[0], rng.choice((">I", "<I"))
    value = rng.choice((*INTERESTING, now + 1, now - 1, now * 2, now // 2)) & 0xFFFFFFFF
    struct.pack_into(form, data, at, value)
    return f"{form} {value} at {at}, by {bytes(data[name : name + 4])!r}"


def rename_part(data: bytearray, rng: random.Random) -> str:
    found = _names(data)
    if not found:
        return flip_bits(data, rng)
    at = rng.choice(found)
    old, data[at : at + 4] = bytes(data[at : at + 4]), rng.choice(_BOXES)
    return f"{old!r} at {at} becomes {bytes(data[at : at + 4])!r}"


def other_magic(data: bytearray, rng: random.Random) -> str:
    magic, at = rng.choice(_MAGIC), rng.choice((0, 0, 4, 8))
    data[at : at + len(magic)] = magic
    return f"begins as {magic!r} at {at}"


def append(data: bytearray, rng: random.Random) -> str:
    size = rng.choice((1, 100, 20000))
    data += rng.choice((bytes(size), rng.randbytes(size), bytes(data[:size])))
    return f"append {size} bytes"


BYTE_MUTATIONS: tuple[Mutation, ...] = (
    flip_bits, flip_in_head, overwrite, truncate, cut_out, insert, duplicate, swap, set_number, set_field_of_part,
    set_field_of_part, rename_part, other_magic, append,
)  # fmt: skip

_NUMBERS = ("0", "-1", "1e400", "NaN", "Infinity", "9" * 400, "1e-320", "2147483648", "1.5", "true", "null", '"x"')
_WORDS = (
    '"', "'", ",", ";", "\t", "\n", "\r", "\0", "\ufeff", "\x1b[31m", "[bold]", "\u202e", "\ud800", "{", "}", "[", "]",
    "=1+1", "@SUM(A1)", "../../etc/passwd", "/etc/passwd", "C:\\x.mp4", "a\\b.mp4", "file:///etc/passwd", "%00", "é",
    "REAL", "FAKE", "real", "fake", "train", "test", "\\u0000", "\\ud800", "x" * 5000, "[" * 3000, '{"a":' * 3000,
)  # fmt: skip
"""What has a meaning in tables, JSON, paths, terminals and spreadsheets."""


def _edit(text: str, rng: random.Random) -> tuple[str, str]:
    lines = text.splitlines(keepends=True) or [""]
    at = rng.randrange(len(lines))
    numbers = list(re.finditer(r"-?\d+(\.\d+)?", text))
    words = list(re.finditer(r"[A-Za-z_][\w./-]*", text))
    kind = rng.choice(
        ("line twice", "line away", "lines swapped", "word", "insert", "number", "number", "key", "repeat")
    )
    if kind == "line twice":
        lines.insert(rng.randrange(len(lines)), lines[at])
    elif kind == "line away":
        del lines[at]
    elif kind == "lines swapped":
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == "repeat":
        lines[at] = lines[at] * rng.choice((2, 50, 2000))
    elif kind == "number" and numbers:
        found = rng.choice(numbers)
        return text[: found.start()] + rng.choice(_NUMBERS) + text[found.end() :], f"number {found[0][:20]}"
    elif kind == "word" and words:
        found = rng.choice(words)
        return text[: found.start()] + rng.choice(_WORDS) + text[found.end() :], f"word {found[0][:20]}"
    elif kind == "key" and words:
        one, other = rng.choice(words), rng.choice(words)
        return text[: one.start()] + other[0] + text[one.end() :], f"{one[0][:20]} becomes {other[0][:20]}"
    else:
        place = rng.randrange(len(text) + 1)
        return text[:place] + rng.choice(_WORDS) + text[place:], f"insert at {place}"
    return "".join(lines), kind


def edit_text(data: bytearray, rng: random.Random) -> str:
    text, what = _edit(data.decode("utf-8", "replace"), rng)
    data[:] = text.encode("utf-8", "surrogatepass")
    return what


def encode_otherwise(data: bytearray, rng: random.Random) -> str:
    encoding = rng.choice(("utf-16", "utf-16-le", "utf-8-sig", "latin-1", "utf-7", "cp037"))
    data[:] = data.decode("utf-8", "replace").encode(encoding, "replace")
    return f"in {encoding}"


TEXT_MUTATIONS: tuple[Mutation, ...] = (*([edit_text] * 12), encode_otherwise, flip_bits, truncate, overwrite)


def mutate_bytes(
    content: bytes, rng: random.Random, mutations: Sequence[Mutation] = BYTE_MUTATIONS
) -> tuple[bytes, list[str]]:
    """One to three mutations of some content, and what they did."""
    data, done = bytearray(content), []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if data:
            done.append(rng.choice(mutations)(data, rng))
    return bytes(data), done


def mutate_text(content: bytes, rng: random.Random) -> tuple[bytes, list[str]]:
    """The same, of a text."""
    return mutate_bytes(content, rng, TEXT_MUTATIONS)
