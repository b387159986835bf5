from __future__ import annotations

from pathlib import Path

import pytest

from dfcore.errors import CheckpointError, WriteError
from dfcore.evaluation.verdicts import stored
from dfcore.evaluation.verdicts.stored import numbers, only, read_stored, take, texts, write_stored


def test_what_is_written_is_read_back_and_the_same_values_give_the_same_bytes(tmp_path: Path) -> None:
    values = {"name": "größer", "numbers": [1, 2.5], "nothing": None, "deep": {"a": {"b": True}}}
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    write_stored(first, values)
    write_stored(second, read_stored(first, ""))
    assert read_stored(second, "") == values
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]


def test_what_json_has_not_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_stored(tmp_path / "a.json", {"number": float("nan")})
    assert not (tmp_path / "a.json").exists()
    with pytest.raises(WriteError):
        write_stored(tmp_path, {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read"),
        ("[1]", "names no format"),
        ("{}", "names no format"),
        ('{"format": 2}', "has format 2, this dfcore reads format 1"),
        ('{"format": 1, "x": NaN}', "NaN is not a number"),
        ('{"format": 1, "x": -Infinity}', "-Infinity is not a number"),
        ('{"format": 1, "x": 1e999}', "a number is too large"),
        ('{"format": 1, "x": 1' + "0" * 400 + "}", "a whole number is too large"),
        ('{"format": 1, "x": 1' + "0" * 5000 + "}", "cannot be read"),
        ('{"format": 1, "x": {"y": 1, "y": 2}}', "'y' stands twice"),
        ('{"format": 1, "x": "' + "a" * 5000 + '"}', "a text of 5000 characters"),
        ('{"format": 1, "x": ' + "[" * 100_000 + "}", "cannot be read"),
        ('{"format": 1, "x": "\\udcff', "cannot be read"),
    ],
)
def test_hostile_content_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(CheckpointError, match=words) as caught:
        read_stored(path, "Calibrate again.")
    assert str(path) in str(caught.value)
    assert "Calibrate again." in str(caught.value)


def test_a_file_of_absurd_size_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b" " * 2000)
    monkeypatch.setattr(stored, "MAX_BYTES", 1000)
    with pytest.raises(CheckpointError, match="was not written by dfcore"):
        read_stored(path, "")
    with pytest.raises(CheckpointError, match="no such file"):
        read_stored(tmp_path / "missing.json", "")


def test_values_are_taken_with_their_kind() -> None:
    values = {"whole": 3, "real": 0.5, "yes": True, "text": "a", "list": ["a", 1], "numbers": {"a": 1}, "none": None}
    assert take(values, "whole", int) == 3
    assert isinstance(take(values, "whole", float), float)
    assert take(values, "none", str, None) is None
    assert numbers(values, "numbers") == {"a": 1.0}
    for name, kind in (("yes", int), ("yes", float), ("real", int), ("text", float), ("none", str), ("absent", int)):
        with pytest.raises(CheckpointError, match=name):
            take(values, name, kind)
    with pytest.raises(CheckpointError, match="list of texts"):
        texts(values, "list")


def test_unknown_keys_are_named() -> None:
    from dfcore.evaluation.verdicts.fusion import MemberWeights

    only({"members": [], "offset": 0}, MemberWeights)
    with pytest.raises(CheckpointError, match="'colour' is unknown"):
        only({"members": [], "colour": 1}, MemberWeights)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (2**53, ""),
        (-(2**53), ""),
        (2**53 + 1, "a whole number is too large"),
        (-(2**53) - 1, "a whole number is too large"),
        ("x" * 4096, ""),
        ("x" * 4097, "a text of 4097 characters"),
        (1e308, ""),
        (float("inf"), "a number is too large"),
    ],
)
def test_numbers_are_exact_and_texts_of_a_sane_length_wherever_they_stand(value: object, said: str) -> None:
    for place in (value, [1, [value]], {"a": [{"b": value}]}, {value: 1} if isinstance(value, str) else value):
        if said:
            with pytest.raises(ValueError, match=said):
                stored._check_plain(place)
        else:
            stored._check_plain(place)
