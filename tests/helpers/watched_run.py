"""``python watched_run.py DIR dfcore-arguments...``: the command, and in ``DIR/rank{N}.json`` what this process trained
on: of each batch, each sample's video, its original and its label.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from dfcore.cli import main
from dfcore.training import loop

batch_loss = loop.batch_loss
batches: list[list[tuple[str, str, int]]] = []


def watched(run: Any, batch: Mapping[str, Any]) -> Tensor:
    records = [run.data.train.records[row] for row in batch["video"].tolist()]
    labels = batch["label"].tolist()
    batches.append([(record.id, record.original, label) for record, label in zip(records, labels, strict=True)])
    return batch_loss(run, batch)


if __name__ == "__main__":
    folder = Path(sys.argv.pop(1))
    loop.batch_loss = watched
    try:
        main()
    finally:
        (folder / f"rank{os.environ.get('RANK', 0)}.json").write_text(json.dumps(batches))
