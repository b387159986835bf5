"""Giving memory back between stages and between chunks."""

from __future__ import annotations

import gc

import torch

__all__ = ["release_memory"]


def release_memory() -> None:
    """Collect what nobody holds any more, and give a GPU's cached blocks back, before the next large thing is made."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
