"""What imports do to the garbage collector."""

from __future__ import annotations

import gc

import pytest

from dfcore.collector import importing


@pytest.mark.parametrize("enabled", [True, False])
def test_nothing_is_collected_meanwhile_and_what_is_there_then_is_not_looked_at_again(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()
    before = gc.get_freeze_count()
    try:
        with importing():
            assert not gc.isenabled()
        assert gc.isenabled() == enabled
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
        gc.enable()
