"""Text from outside: in which encoding it comes, JSON that may be hostile, and how it is shown.

Names of files may hold any bytes but "/" and NUL: control characters that a terminal obeys, letters that turn the
direction of writing, and bytes that are no UTF-8, which Python keeps as lone surrogates (``os.fsdecode``).
"""

from __future__ import annotations

import codecs
import json
import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any

__all__ = [
    "count_of", "decode_text", "described", "duration", "name_bytes", "parse_duration", "parse_json", "printable",
    "to_json", "to_json_line", "what_was_said",
]  # fmt: skip

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of what is not seen: control, format (the direction of writing), surrogates, separators."""
_JOINERS = "\u200c\u200d"
"""Format characters that Persian, Indic scripts and emoji are written with."""


def decode_text(content: bytes) -> str:
    """The text of a list, by this rule: UTF-16 where it begins with a byte order mark; else UTF-8, with or without one;
    else, where that is not valid, Latin-1.
    """
    if content.startswith(_UTF16):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def parse_json(text: str, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """What JSON text says; ``pairs`` makes an object of its ``(key, value)`` pairs.

    Raises:
        ValueError: it is no JSON, or nested deeper than Python reads.
    """
    try:
        return json.loads(text, object_pairs_hook=pairs)
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError):
            raise
        raise ValueError("a number in it has too many digits") from None  # Python's own words say how to allow it


def to_json(values: Any, indent: int | None = None, *, strict: bool = False) -> str:
    """``values`` as valid JSON, which UTF-8 can encode whatever bytes a file's name has.

    Numbers that are infinite or NaN, which JSON does not have, become null; with ``strict`` they are a ValueError.
    """
    how: dict[str, Any] = {"indent": indent, "separators": (",", ":") if indent is None else None, "allow_nan": False}
    try:
        text = json.dumps(values, ensure_ascii=False, **how)
    except ValueError:
        if strict:
            raise
        values = _finite(values)
        text = json.dumps(values, ensure_ascii=False, **how)
    try:
        text.encode()
    except UnicodeEncodeError:  # surrogates
        text = json.dumps(values, **how)
    return text


def _finite(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def to_json_line(values: Any) -> str:
    """``values`` as one line of JSON with its newline; see :func:`to_json`."""
    return to_json(values) + "\n"


def name_bytes(name: str) -> bytes:
    """A name for hashing: its UTF-8, also where it holds bytes that are none."""
    return name.encode("utf-8", "surrogatepass")


def printable(text: object, *, lines: bool = False) -> str:
    r"""``str(text)`` with what a terminal would obey, or could not show, as ``\x1b`` or ``\u202e``.

    A byte of a name that is no UTF-8 is shown as ``\xe9``.

    Args:
        text: anything.
        lines: keep line breaks and tabs, in a message of several lines; a table's cell has none.
    """
    found = str(text)
    if found.isprintable():
        return found
    kept = _JOINERS + ("\n\t" if lines else "")
    return "".join(_shown(letter) if letter not in kept else letter for letter in found)


def _shown(letter: str) -> str:
    if unicodedata.category(letter) not in _HIDDEN:
        return letter
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is no UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def count_of(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: ``"1 epoch"``, ``"2 epochs"``, ``"1,200 videos"``, ``"0 people"``.

    Args:
        number: how many.
        noun: the word for one of them.
        plural: the word for several, where it is not ``noun`` and an s.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def described(error: BaseException) -> str:
    """An exception's type and message in one line; the type alone where there is no message."""
    shown = (
        error.args[0] if isinstance(error, KeyError) and " " in str(*error.args[:1]) else error
    )  # no quotes about it
    text = " ".join(str(shown).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


_BUGS = (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, RecursionError, TypeError)
"""What a reader raises that took a damaged file for a good one: its words are about itself."""
_OF_ITSELF = re.compile(
    r"invalid literal|values to unpack|buffer size must|requires a buffer|be broadcast|reshape|out of range"
)
_LONGEST = 200


def what_was_said(error: Exception) -> str:
    """What a library's exception says of a file's content, for the brackets behind a reason: its first sentence.

    Without the exception's type, which says nothing of the file; and in words of our own where those of the exception
    are about the program that read it.
    """
    if isinstance(error, UnicodeError):
        return "a text in it is damaged"
    text = (str(error).strip().splitlines() or [""])[0].partition(". ")[0].rstrip(".").strip()
    if not text or isinstance(error, _BUGS) or _OF_ITSELF.search(text):
        return "its parts do not fit together"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?:in)?)?(?:(\d+)s)?")


def parse_duration(text: str) -> float:
    """``"11h30m"``, ``"45m"``, ``"90s"`` to seconds.

    Raises:
        ValueError: it is of another form, or nothing.
    """
    match = _DURATION.fullmatch(text.strip().lower().replace(" ", ""))
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    total = 3600 * hours + 60 * minutes + seconds
    if not total:
        raise ValueError(f"a time as 11h30m or 45m, not {text!r}.")
    return float(total)


def duration(seconds: float) -> str:
    """``45 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
