"""What the pass over a file does to the garbage collector."""

from __future__ import annotations

import gc

import pytest

from dfcore.collector import set_aside


def test_what_was_there_before_is_set_aside_while_frames_are_freed_and_no_longer() -> None:
    assert gc.get_freeze_count() == 0
    with set_aside():
        assert gc.get_freeze_count() > 0
        with set_aside():
            pass
        assert gc.get_freeze_count() > 0  # the outer one's
    assert gc.get_freeze_count() == 0
    with pytest.raises(ZeroDivisionError), set_aside():
        raise ZeroDivisionError
    assert gc.get_freeze_count() == 0
