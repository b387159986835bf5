"""Which epochs are the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dfcore.evaluation.metrics import rank_key

__all__ = ["best_epochs"]


def best_epochs(history: Sequence[Mapping[str, Any]], count: int) -> list[int]:
    """Numbers (from 1) of the ``count`` best epochs, best first.

    Best is the highest validation AUC per video, then per frame, then the lowest validation loss; of equals the
    earliest. Epochs without validation count by their number, the last as the best.
    """

    def key(line: Mapping[str, Any]) -> tuple[float, ...]:
        if not line["val"]:
            return (float(line["epoch"]),)
        return (*rank_key(line["val"]), -float(line["epoch"]))

    return [int(line["epoch"]) for line in sorted(history, key=key, reverse=True)[:count]]
