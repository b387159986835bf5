"""Scores on disk as they are made, so that an evaluation that was stopped goes on where it was.

``scores/LABEL.jsonl`` begins with a line that names what the scores depend on (weights, clips, samples, labels); then a
line for each video. Of several processes each appends to a file of its own. A line that a kill cut short is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import DataError, RunExistsError
from dfcore.evaluation.scored import ScoredVideo
from dfcore.filesystem.paths import read_regular
from dfcore.filesystem.writing import append
from dfcore.runs.folder import write_bytes
from dfcore.text import parse_json, to_json

__all__ = ["ScoresFile"]


class ScoresFile:
    """The scores of one specialist in one evaluation.

    Args:
        folder: of the evaluation's scores.
        label: of the specialist.
        made_of: what the scores depend on, as ``json`` gives it back.
        store: where the clips are: a video whose source changed is scored again.
        records: the videos.
        rank: this process's number.
    """

    def __init__(
        self,
        folder: Path,
        label: str,
        made_of: Mapping[str, Any],
        store: ClipStore,
        records: Sequence[VideoRecord],
        rank: int = 0,
    ) -> None:
        self._folder, self._stem = folder, label.replace("/", "_")
        self._made_of, self._store = json.loads(json.dumps(made_of)), store
        self._records = {record.id: record for record in records}
        self.path = self._part(rank)
        self._begun = False

    def _part(self, rank: int) -> Path:
        return self._folder / (f"{self._stem}.jsonl" if rank == 0 else f"{self._stem}.part{rank}.jsonl")

    def _parts(self) -> list[Path]:
        return [self._part(0), *sorted(self._folder.glob(f"{self._stem}.part*.jsonl"))]

    def read(self) -> list[ScoredVideo]:
        """What is there already of the videos.

        Raises:
            RunExistsError: it is of other weights, clips or samples; the message says which.
        """
        found: dict[str, ScoredVideo] = {}
        for path in self._parts():
            header, lines = _read(path)
            if header is not None:
                self._require_same(path, header)
            for line in lines:
                video = ScoredVideo.from_dict(line["video"])
                record = self._records.get(video.id)
                if record is not None and record.label == video.label and line["clips"] == self._clips(video.id):
                    found[video.id] = video
        return list(found.values())

    def _require_same(self, path: Path, header: Mapping[str, Any]) -> None:
        changed = [key for key in self._made_of if header.get(key) != self._made_of[key]]
        if changed:
            told = "; ".join(f"{key} was {header.get(key)}, is {self._made_of[key]}" for key in changed)
            raise RunExistsError(
                f"{path} holds the scores of another evaluation: {told}. Evaluate without resume=True to discard them, "
                "or choose another run.out."
            )

    def _clips(self, video: str) -> list[int] | None:
        """What changes with the prepared clips of a video."""
        record = self._records.get(video)
        if record is None or record.store_id not in self._store:
            return None
        entry = self._store.entry(record.store_id)
        return [entry.size, entry.origin.size, *(record.clips or ())]

    def discard(self) -> None:
        """Remove what is there."""
        for path in self._parts():
            path.unlink(missing_ok=True)

    def append(self, video: ScoredVideo) -> None:
        """Write one video's line.

        Raises:
            WriteError: it cannot be written; what was there is as it was.
        """
        if not self._begun:
            self._begin()
        append(self.path, _line({"video": video.to_dict(), "clips": self._clips(video.id)}))

    def _begin(self) -> None:
        header, lines = _read(self.path)
        if header is None or header != self._made_of:
            lines = []
        # Written anew, without a last line that was cut short.
        write_bytes(self.path, b"".join([_line(self._made_of), *map(_line, lines)]))
        self._begun = True


def _line(values: Mapping[str, Any]) -> bytes:
    return (to_json(values, strict=True) + "\n").encode()


def _read(path: Path) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The first line and the others; a last line that was cut short is left out."""
    if not path.exists():
        return None, []
    raw = read_regular(path).split(b"\n")[:-1]  # what follows the last end of line is cut short
    try:
        values = [parse_json(line.decode()) for line in raw]
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}). Evaluate without resume=True to make it anew.") from error
    return (values[0], values[1:]) if values else (None, [])
