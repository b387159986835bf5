"""Text from outside: encodings, hostile JSON, and how names are shown."""

from __future__ import annotations

import json
import math
import os
import struct

import pytest

from dfcore.text import (
    count_of,
    decode_text,
    described,
    duration,
    name_bytes,
    parse_duration,
    parse_json,
    printable,
    to_json,
    to_json_line,
    what_was_said,
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings(encoding: str) -> None:
    assert decode_text("café\n".encode(encoding)) == "café\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 名 🙂.mp4", "plain é 名 🙂.mp4"),
        ("a\x1b[31mred.mp4", "a\\x1b[31mred.mp4"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),
        ("two\nlines\tand\x7f\x9b", "two\\x0alines\\x09and\\x7f\\x9b"),
        ("a\u2028b\U000e0001", "a\\u2028b\\U000e0001"),
        ("\xad\u0600\ufeff\U000110bd", "\\xad\\u0600\\ufeff\\U000110bd"),  # the first and last of each length
        (os.fsdecode(b"caf\xe9.mp4"), "caf\\xe9.mp4"),
        ("lone \ud800", "lone \\ud800"),
        ("क्\u200dष 👨\u200d👩", "क्\u200dष 👨\u200d👩"),
        (12, "12"),
    ],
)
def test_what_a_terminal_would_obey_or_cannot_show_is_escaped(text: object, shown: str) -> None:
    assert printable(text) == shown
    shown.encode()


def test_line_breaks_stay_in_a_message() -> None:
    assert printable("one\n\ttwo\x1b", lines=True) == "one\n\ttwo\\x1b"


def test_json_that_is_nested_too_deeply_is_a_value_error() -> None:
    assert parse_json('{"a": [1]}') == {"a": [1]}
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json("[" * 100_000)


@pytest.mark.parametrize("name", ["é", os.fsdecode(b"\xe9"), "\u2028", "a\nb"])
def test_a_name_of_any_bytes_makes_one_line_of_json(name: str) -> None:
    line = to_json_line({"id": name})
    assert json.loads(line.encode().decode()) == {"id": name}
    assert line.count("\n") == 1
    assert name_bytes(name)


def test_a_number_of_thousands_of_digits_is_a_value_error_without_pythons_advice() -> None:
    with pytest.raises(ValueError, match="a number in it has too many digits") as caught:
        parse_json('{"a": ' + "9" * 5000 + "}")
    assert "set_int_max_str_digits" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("invalid header. This is an internal error"), "invalid header"),
        (OSError("broken data stream"), "broken data stream"),
        (ValueError(""), "its parts do not fit together"),
        (IndexError("list index out of range"), "its parts do not fit together"),
        (KeyError("y"), "its parts do not fit together"),
        (ValueError("invalid literal for int() with base 10"), "its parts do not fit together"),
        (struct.error("unpack requires a buffer of 2 bytes"), "its parts do not fit together"),
        (UnicodeDecodeError("utf-8", b"\xb2", 0, 1, "invalid start byte"), "a text in it is damaged"),
        (ValueError("x" * 500), "x" * 197 + "..."),
        (ValueError("x" * 201), "x" * 197 + "..."),
        (ValueError("x" * 200), "x" * 200),
        (ValueError(" two\nlines "), "two"),
    ],
)
def test_what_a_library_said_of_a_file_is_about_the_file(error: Exception, said: str) -> None:
    assert what_was_said(error) == said


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 videos"), (1, "1 video"), (2, "2 videos"), (1200, "1,200 videos"), (-1, "-1 videos")]
)
def test_a_number_has_its_noun(number: int, shown: str) -> None:
    assert count_of(number, "video") == shown
    assert count_of(number, "person", "people").endswith("1 person" if number == 1 else " people")


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (ValueError(), "ValueError"),
        (KeyError("name"), "KeyError: 'name'"),
        (KeyError("no such name"), "KeyError: no such name"),
        (KeyError(), "KeyError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_an_exception_is_described_in_one_line(error: BaseException, shown: str) -> None:
    assert described(error) == shown


def test_numbers_that_json_has_not_are_null_or_an_error_and_all_others_as_they_are() -> None:
    values = {"a": [math.nan, 1.5, (math.inf, 2)], "b": {"c": -math.inf, "d": None, "e": True}}
    assert to_json(values) == '{"a":[null,1.5,[null,2]],"b":{"c":null,"d":null,"e":true}}'
    with pytest.raises(ValueError, match="JSON compliant"):
        to_json(values, strict=True)
    assert to_json({"a": 1}, 1) == '{\n "a": 1\n}'
    assert to_json("\ud7ff\ue000é") == '"\ud7ff\ue000é"'  # on either side of the surrogates
    assert to_json("\ud800") == '"\\ud800"'
    assert to_json("\udfff") == '"\\udfff"'


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"), (0.2, "1 s"), (59, "59 s"), (59.1, "1 min 00 s"), (60, "1 min 00 s"), (61, "1 min 01 s"),
        (3599, "59 min 59 s"), (3600, "1 h 00 min"), (7500, "2 h 05 min"), (90_059, "25 h 00 min"),
    ],
)  # fmt: skip
def test_a_time_is_told_in_two_units_and_rounded_up(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("90s", 90.0), ("45m", 2700.0), ("45min", 2700.0), ("2h", 7200.0), ("1h2m3s", 3723.0), (" 11H 30M ", 41_400.0),
        ("1s", 1.0), ("", None), ("0s", None), ("5", None), ("1m2h", None), ("-1h", None),
    ],
)  # fmt: skip
def test_a_time_is_read_in_hours_minutes_and_seconds(given: str, seconds: float | None) -> None:
    if seconds is None:
        with pytest.raises(ValueError, match=f"a time as 11h30m or 45m, not {given!r}"):
            parse_duration(given)
    else:
        assert parse_duration(given) == seconds


@pytest.mark.parametrize(("length", "shown"), [(200, 200), (201, 200), (500, 200)])
def test_what_a_library_said_is_cut_to_two_hundred_letters(length: int, shown: int) -> None:
    said = what_was_said(ValueError("x" * length))
    assert len(said) == shown
    assert said.endswith("...") == (length > 200)
    assert said.startswith("x" * 197)
