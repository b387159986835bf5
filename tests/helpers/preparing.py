"""``python preparing.py STORE VIDEO [COUNT]``: COUNT videos, all the same file, and a broken one, into a store."""

from __future__ import annotations

import sys
from pathlib import Path

from dfcore.data.clip_plan import ClipPlan
from dfcore.data.prepare.videos import PrepareReport, prepare_videos
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.specs import EvidenceSpec

PLAN = ClipPlan(clips=2, frames=3, detector="fake_parts:FixedFace")
EVIDENCE = (EvidenceSpec("ghost", 1, "fake_parts:block_means", 2),)


def prepare(store: Path, video: Path, count: int = 6) -> PrepareReport:
    records = [VideoRecord(f"v{i:02d}", video, i % 2, group=(str(i),)) for i in range(count)]
    records.append(VideoRecord("broken", video.with_name("absent.mp4"), 0))
    return prepare_videos(records, ClipStore(store), PLAN, EVIDENCE, workers=1, progress=None)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
