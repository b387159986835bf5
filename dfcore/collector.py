"""Python's garbage collector, kept from looking at what is no garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["importing"]


@contextmanager
def importing() -> Iterator[None]:
    """Nothing is collected while much is imported or loaded, and what is there at the end is not looked at any more.

    ``import torch`` makes some hundred thousand objects, all of which stay. A collector that looks at them again and
    again meanwhile takes a sixth of the time. For programs of our own alone: it counts for the whole process.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
