"""Kinds of pseudo-fakes: which are shared by all specialists, and how often each is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from dfcore.errors import UnknownNameError

if TYPE_CHECKING:
    from dfcore.data.protocols import PseudoFake

__all__ = ["COMPOSITES", "chosen_kind", "kind_shares"]

COMPOSITES: Mapping[str, str] = {"swap": "face", "lower": "lower", "mouth": "mouth"}
"""Kinds that are :func:`dfcore.data.composite.swap.composite_swap`, by the part of the face that they change."""


def kind_shares(maker: PseudoFake) -> dict[str, float]:
    """How often each of a pseudo-fake's kinds is made; they sum to 1.

    A maker may announce ``shares``, weights by kind; kinds that it does not name there weigh 1. Without it all are made
    equally often.

    Args:
        maker: with its ``kinds``.
    """
    weights: Mapping[str, float] = getattr(maker, "shares", {})
    found = {kind: float(weights.get(kind, 1.0)) for kind in maker.kinds}
    total = sum(found.values())
    return {kind: weight / total for kind, weight in found.items()}


def chosen_kind(maker: PseudoFake, kind: str | None, rng: np.random.Generator, specialist: str) -> str:
    """``kind``, or where it is None one drawn by the maker's shares.

    Args:
        maker: with its ``kinds``.
        kind: asked for.
        rng: where the draw comes from.
        specialist: whose it is, for the message.

    Raises:
        UnknownNameError: the maker has no such kind.
    """
    if kind is None:
        shares = kind_shares(maker)
        return str(rng.choice(list(shares), p=list(shares.values())))
    if kind not in maker.kinds:
        raise UnknownNameError(f"kind of {specialist} pseudo-fake", kind, maker.kinds)
    return kind
