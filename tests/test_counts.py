from __future__ import annotations

import re
from pathlib import Path

import pytest

import dfcore
from dfcore.text import count_of


@pytest.mark.parametrize(
    ("number", "noun", "plural", "text"),
    [
        (1, "epoch", "", "1 epoch"),
        (0, "epoch", "", "0 epochs"),
        (2, "epoch", "", "2 epochs"),
        (1200, "video", "", "1,200 videos"),
        (1, "person", "people", "1 person"),
        (3, "person", "people", "3 people"),
    ],
)
def test_a_noun_follows_its_number(number: int, noun: str, plural: str, text: str) -> None:
    assert count_of(number, noun, plural) == text


def test_no_message_writes_epochs_behind_a_number_by_hand() -> None:
    package = Path(dfcore.__file__).parent
    by_hand = [path for path in package.rglob("*.py") if re.search(r"\{[^{}]+\} epochs\b", path.read_text("utf-8"))]
    assert by_hand == []
