"""Which identities a model has seen: kept with its weights, so that nobody evaluates it on them by mistake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dfcore.config import TrainConfig
from dfcore.data.records import VideoRecord

__all__ = ["identities_seen", "names_of"]


def names_of(records: Iterable[VideoRecord]) -> list[str]:
    """The identities of the records, sorted; a video of which none is known stands for itself (``video ID``)."""
    return sorted({name for record in records for name in (record.group or (f"video {record.id}",))})


def identities_seen(
    config: TrainConfig, records: Sequence[VideoRecord], parent: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """For the weights' files: ``[{"dataset", "root", "train": [...], "val": [...]}, ...]``, those of the stages before
    first.

    Args:
        config: of the run.
        records: the videos chosen for it, whether or not all of them turn out to be usable.
        parent: what is recorded of the weights that it starts from.
    """
    before = parent.get("identities")
    own = {split: names_of(record for record in records if record.split == split) for split in ("train", "val")}
    return [
        *(before if isinstance(before, list) else []),
        {"dataset": config.stage.dataset, "root": str(config.data.root), **own},
    ]
