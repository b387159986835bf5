"""Which chunks of a dataset a stage is trained on, and in which order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from dfcore.config import TrainConfig
from dfcore.data.datasets.chunks import with_chunks
from dfcore.data.records import FAKE, REAL, VideoRecord
from dfcore.errors import DatasetError, UsageError
from dfcore.plugins import registry
from dfcore.text import count_of

__all__ = ["PRESENT", "in_chunks"]

PRESENT = "present"
"""In place of chunks: those of the stage's order that are there."""


def in_chunks(
    records: Sequence[VideoRecord], config: TrainConfig
) -> tuple[list[VideoRecord], tuple[int, ...], list[str]]:
    """The records with their chunks, the order in which those are trained on, and what is worth noting.

    A dataset that is not given out in parts has no chunks; it is taken whole (``()``).

    Raises:
        UsageError: what ``stage.chunks`` says are no chunks.
        DatasetError: one of them has not both classes to train on.
    """
    if not config.stage.chunks:
        return list(records), (), []
    marked = with_chunks(records, config.data.chunk_map)
    classes: dict[int, set[int]] = defaultdict(set)
    for record in marked:
        if record.split == "train" and record.chunk is not None:
            classes[record.chunk].add(record.label)
    if not classes and not config.data.chunk_map:
        return list(records), (), ["these videos did not come in parts or chunks: they are taken whole."]
    there = {chunk for chunk, labels in classes.items() if labels >= {REAL, FAKE}}
    order = _order(config, there)
    lacking = [chunk for chunk in order if chunk not in there]
    if lacking or not order:
        raise DatasetError(_lacking(config, lacking, there))
    return marked, order, _notes(marked, order, there)


def _order(config: TrainConfig, there: set[int]) -> tuple[int, ...]:
    asked = config.stage.chunks
    if asked == (PRESENT,):
        usual = registry().stage(config.stage.number).chunks
        return tuple(chunk for chunk in (*usual, *sorted(there - set(usual))) if chunk in there)
    if not all(chunk.isdecimal() for chunk in asked) or len(set(asked)) < len(asked):
        raise UsageError(f"stage.chunks takes different numbers (9,8,3) or `{PRESENT}`, not {','.join(asked)!r}.")
    return tuple(map(int, asked))


def _lacking(config: TrainConfig, lacking: Sequence[int], there: set[int]) -> str:
    found = ", ".join(map(str, sorted(there))) or "none"
    return (
        f"no real and fake training videos of chunk {', '.join(map(str, lacking)) or PRESENT} in {config.data.root}; "
        f"complete chunks there: {found}. A chunk is five of the dataset's parts (0: parts 0 to 4), or what "
        "data.chunk_map says; parts that validate do not count. Name the chunks to train on with "
        f"stage.chunks={','.join(map(str, sorted(there))) or 'K'}, or take what is there with stage.chunks={PRESENT}."
    )


def _notes(records: Sequence[VideoRecord], order: Sequence[int], there: set[int]) -> list[str]:
    notes = [f"trained on in chunks: {', '.join(map(str, order))}, in this order."]
    spare = sorted(there - set(order))
    if spare:
        notes.append(f"not trained on: chunk {', '.join(map(str, spare))}.")
    stray = sum(record.split == "train" and record.chunk is None for record in records)
    if stray:
        notes.append(f"left out of train, being of no chunk: {count_of(stray, 'video')}.")
    return notes
