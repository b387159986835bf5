"""What reaches a terminal: no letter that its encoding lacks is fatal, and nothing that it would obey comes through."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dfcore.assessment.output.cells import escape
from dfcore.cli.output.streams import make_safe, print_json
from dfcore.testing.media import write_broken
from dfcore.text import to_json

NAME = "名é\x1b[31m[bold]red.mp4"


def output(*arguments: str, encoding: str, folder: Path) -> tuple[int, bytes]:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "300"}
    done = subprocess.run(
        [sys.executable, "-m", "dfcore", *arguments], capture_output=True, env=environment, cwd=folder, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_console_that_lacks_letters_is_shown_escapes(encoding: str, tmp_path: Path) -> None:
    for label in ("real", "fake"):
        (tmp_path / "data" / label).mkdir(parents=True)
        write_broken(tmp_path / "data" / label / NAME, "text")
    code, told = output("datasets", "verify", "folder", "data", encoding=encoding, folder=tmp_path)
    text = told.decode(encoding)  # fails where something else was written
    assert code == 4
    assert "Traceback" not in text
    assert "\x1b" not in text
    shown = {"ascii": "\\u540d\\xe9", "latin-1": "\\u540dé", "utf-8": "名é"}[encoding]
    assert f"{shown}\\x1b[31m[bold]red.mp4: this is a text file" in text


def test_only_what_cannot_be_shown_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    held = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(held, encoding="cp1252"))
    make_safe()
    print("€ é 名 \udce9")
    sys.stdout.flush()
    assert held.getvalue() == "€ é \\u540d \\udce9\n".encode("cp1252")


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", "\\u540d\\u00e9"), ("cp1252", "\\u540dé"), ("utf-8", "名é")])
def test_json_is_valid_on_a_console_that_lacks_letters(
    encoding: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(held, encoding=encoding))
    make_safe()
    print_json({"file": "名é😀\\\udce9"})
    sys.stdout.flush()
    assert json.loads(held.getvalue().decode(encoding)) == {"file": "名é😀\\\udce9"}
    print_json("名é")
    sys.stdout.flush()
    assert f'"{shown}"' in held.getvalue().decode(encoding)


def test_a_logged_warning_is_printable(tmp_path: Path) -> None:
    script = "import logging; from dfcore.console.logs import print_warnings; print_warnings(); print_warnings();"
    script += "logging.getLogger('dfcore.data.x').warning('%s is odd', 'a\\x1b[31m')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == "warning: a\\x1b[31m is odd\n"


def test_cells_hold_neither_markup_nor_control_characters() -> None:
    assert escape("[red]a\x1b[0m") == "\\[red]a\\x1b\\[0m" or escape("[red]a\x1b[0m") == "\\[red]a\\x1b[0m"


def test_json_has_no_nan() -> None:
    values = {"a": float("nan"), "b": [float("inf"), 1.5, {"c": (float("-inf"), None)}], "名": "é"}
    assert json.loads(to_json(values, indent=2)) == {"a": None, "b": [None, 1.5, {"c": [None, None]}], "名": "é"}
    assert to_json({"a": 1}) == '{"a":1}'
