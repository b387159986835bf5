"""Which epochs are the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["best_epochs", "rank_key"]


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


def rank_key(metrics: Mapping[str, Any]) -> tuple[float, float, float]:
    """Greater is better: video AUC, then frame AUC, then the lower loss. An AUC of None counts as lowest."""
    video, frame, loss = metrics.get("video_auc"), metrics.get("frame_auc"), metrics.get("loss")
    return (
        -1.0 if video is None else float(video),
        -1.0 if frame is None else float(frame),
        -float("inf") if loss is None else -float(loss),
    )
