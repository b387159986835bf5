"""What dfcore logs in a command's process: warnings and more, one printable line each, where standard error is now."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from dfcore.console.logs import print_warnings


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """dfcore's, without a handler, and reset afterwards."""
    found = logging.getLogger("dfcore")
    before, level = list(found.handlers), found.level
    found.handlers[:] = []
    yield found
    found.handlers[:] = before
    found.setLevel(level)


def test_warnings_are_printed_and_nothing_below(logger: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    print_warnings()
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    logger.setLevel(logging.DEBUG)
    deep = logging.getLogger("dfcore.data.x")
    for level in ("debug", "info", "warning", "error"):
        getattr(deep, level)("%s of %d", level, 3)
    assert shown.getvalue() == "warning: warning of 3\nerror: error of 3\n"


def test_they_go_to_whatever_standard_error_is_at_the_moment(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    print_warnings()
    logger.warning("one")
    monkeypatch.setattr(sys, "stderr", second)
    first.close()
    logger.warning("two")
    assert second.getvalue() == "warning: two\n"


def test_a_handler_of_the_callers_own_is_left_alone(logger: logging.Logger) -> None:
    own = logging.NullHandler()
    logger.addHandler(own)
    print_warnings()
    assert logger.handlers == [own]
    logger.handlers[:] = []
    print_warnings()
    print_warnings()
    assert len(logger.handlers) == 1
