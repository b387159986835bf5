"""A configuration file that cannot be used is one message that names it, whatever is wrong with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dfcore.config.files import file_values
from dfcore.errors import ConfigError, DfcoreError

GOOD = '[set]\n"stage.lr" = 0.001\n'
UNUSABLE = {
    "UTF-16": (GOOD.encode("utf-16"), "line 1 is not UTF-8"),
    "Latin-1": ('[set]\n"stage.loss" = "é"\n'.encode("latin-1"), "line 2 is not UTF-8"),
    "deep lists": (b"[set]\nx = " + b"[" * 5000, "too deep"),
    "deep tables": (b"[set." + b".".join([b"a"] * 5000) + b"]\nx = 1\n", "too deep"),
    "a key twice": (GOOD + '"stage.lr" = 0.002\n', "Cannot overwrite"),
    "a key both ways": (GOOD + "[set.stage]\nlr = 0.002\n", "sets stage.lr twice, to 0.001 and 0.002"),
    "another table": ("[sett]\nx = 1\n", "Did you mean 'set'"),
    "a list for a table": ("set = [1]\n", "must be a table"),
    "a list for a folder": ('[datasets]\nfolder = ["a"]\n', "folder must be a folder's path, not"),
    "a folder that no name is": ('[datasets]\nfolder = "a\\u0000"\n', "folder must be a folder's path, not"),
    "thousands of digits": (f'[set]\n"stage.epochs" = {"9" * 6000}\n', "cannot be read as TOML"),
    "a NUL": (GOOD + "\0", "cannot be read as TOML"),
    "megabytes": (b"# x\n" * 300_000, "it has 1,200,000 bytes, and at most"),
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``dfcore.toml`` in the working directory, not there yet."""
    monkeypatch.delenv("DFCORE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "dfcore.toml"


@pytest.mark.parametrize(("content", "said"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_is_wrong_with_it_is_said(file: Path, content: str | bytes, said: str) -> None:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DfcoreError) as raised:
        file_values()
    assert str(file) in str(raised.value)
    assert said in str(raised.value)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("number", ["nan", "inf", "1e400", "-1.0", "true", "2020-01-01", "[1]", '"0x10"', '""'])
def test_a_number_out_of_range_is_refused_with_the_range(file: Path, number: str) -> None:
    file.write_text(f'[set]\n"stage.lr" = {number}\n')
    with pytest.raises(ConfigError, match=r"stage\.lr takes a number above 0 and at most 10, not "):
        file_values()


def test_a_mark_of_the_encoding_is_no_content(file: Path) -> None:
    file.write_bytes(GOOD.encode("utf-8-sig"))
    assert file_values() == {"stage.lr": 0.001}


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes as POSIX systems have them")
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.mkdir(), "a folder, not a file"),
        (lambda path: path.symlink_to(path), "leads to itself"),
        (lambda path: path.symlink_to("gone"), "leads to gone, which is not there"),
        (lambda path: os.mkfifo(path), "a pipe, not a file"),
    ],
)
def test_what_lies_in_its_place_and_is_no_file_is_not_passed_over(
    file: Path, make: Callable[[Path], None], said: str
) -> None:
    make(file)
    with pytest.raises(ConfigError, match=said):
        file_values()
