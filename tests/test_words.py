"""Words that were given up are gone from identifiers, comments, docstrings, messages and documents.

They stand in CHANGELOG.md, beside the words that came in their place, and in the list below.
"""

from __future__ import annotations

import io
import json
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("dfcore", "plugins", "tests", "benchmarks", "examples", "docs", ".ci")

RETIRED = {
    "picture": "image",
    "sound": "audio",
    "hears": "uses_audio",
    "twin": "original_path",
    "course": "EpochData; a series has a summary",
    "material": "what it is: footage, data, weights",
    "lineage": "parent",
    "board": "key_value_store",
    "applicable": "abstain_reason",
    "room": "space, on a disk; layer or folder, in the code",
}
"""Each with the word in its place. Plurals are given up too."""

NAMES = re.compile(r"\b_?(Opening|Steady|_introduce)\b")
"""Given up as names; as words of a sentence they are ordinary."""

ALLOWED = {
    "course": (  # a score's through a video
        "dfcore/inference/",
        "dfcore/cli/output/explained.py",
        "tests/inference/",
        "tests/helpers/made_report.py",
        "tests/cli/output/test_explained.py",
        "docs/explain.md",
        "docs/library.md",
        "benchmarks/spliced_spans.py",
    ),
    "room": ("dfcore/testing/demo/", "tests/testing/", "tests/data/datasets/conftest.py"),  # rendered; names of scenes
    "picture": ("tests/testing/demo/test_maker.py",),  # PyAV's PictureType
    "board": ("dfcore/testing/demo/",),  # a board on a rendered wall
    "material": ("dfcore/testing/demo/",),  # of rendered skin
}
"""Where a word has its ordinary meaning: paths that begin so."""

JUDGED = re.compile(r"judged? (?:on|by) (?:the |its )?(?:images|audio|sound|\"any|what it)|judged on  ")
"""A label is not a judgement: a specialist is trained and measured with one."""


def documents() -> list[Path]:
    found = [path for folder in FOLDERS for suffix in ("py", "md") for path in (ROOT / folder).rglob(f"*.{suffix}")]
    return sorted([*found, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "conftest.py"])


def words(text: str) -> set[str]:
    """The words of a text, lower case; names are taken apart at underscores and capitals."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", re.sub("tensorboard", "", text, flags=re.I))
    return {part.lower() for part in parts}


def retired(found: set[str], where: str) -> list[str]:
    return [
        word
        for word in RETIRED
        if {word, f"{word}s"} & found and not where.startswith(ALLOWED.get(word, ("no such path",)))
    ]


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers and texts: of Python all names, comments and strings, of others every line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NAME, tokenize.COMMENT, tokenize.STRING):
            yield token.start[0], token.string


def complaints(path: Path) -> list[str]:
    where = path.relative_to(ROOT).as_posix()
    found = []
    for line, text in texts(path):
        found += [f"{where}:{line}: {word!r}; say {RETIRED[word]}" for word in retired(words(text), where)]
        if path.suffix == ".py" and NAMES.search(text) and " " not in text:
            found.append(f"{where}:{line}: the name {text!r} was given up")
        if JUDGED.search(text):
            found.append(f"{where}:{line}: a label is not what something is judged on")
    return found


@pytest.mark.parametrize("folder", ["", *FOLDERS])
def test_no_retired_word_is_left(folder: str) -> None:
    here = [path for path in documents() if (path.relative_to(ROOT).parts[:-1] or ("",))[0] == folder]
    assert [line for path in here if path != Path(__file__) for line in complaints(path)] == []


def test_the_notebook_has_none_either() -> None:
    cells = json.loads((ROOT / "examples/kaggle.ipynb").read_text(encoding="utf-8"))["cells"]
    assert retired(words("\n".join("".join(cell["source"]) for cell in cells)), "examples") == []


@pytest.mark.parametrize("text", ["pictures_of", "SoundTrack", "a twin", "_twin", "EpochCourse", "no room for it"])
def test_a_retired_word_is_found_however_it_is_written(text: str) -> None:
    assert retired(words(text), "dfcore/filesystem/writing.py")


@pytest.mark.parametrize("text", ["background", "headroom", "keyboard", "discourse", "sounding", "twinkle"])
def test_other_words_that_hold_it_are_left_alone(text: str) -> None:
    assert retired(words(text), "dfcore/filesystem/writing.py") == []


def test_the_changelog_says_what_came_in_their_place() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").lower()
    assert [word for word in RETIRED if word not in text] == []


def test_no_docstring_only_points_elsewhere_or_says_nothing() -> None:
    empty = re.compile(r'"""(See (?!also)[^"\n]{0,80}|Nothing\b[^"\n]{0,30}|As click\'s[^"\n]{0,60})"""')
    found = [path for path in documents() if path != Path(__file__) and empty.search(path.read_text("utf-8"))]
    assert [path.relative_to(ROOT).as_posix() for path in found] == []
