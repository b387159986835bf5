"""What the tests of preparing videos share: a plan, an evidence, and a run without processes or progress.

``python preparing.py STORE VIDEO [COUNT]``: COUNT videos, all the same file, and a broken one, into a store.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.prepare.videos import PrepareReport, prepare_videos
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.specs import EvidenceSpec

PLAN = ClipPlan(clips=2, frames=3, detector="fake_parts:FixedFace")
Records = list[VideoRecord]


def ghost(extractor: str = "block_means", version: int = 1, channels: int = 2) -> EvidenceSpec:
    return EvidenceSpec("ghost", version, f"fake_parts:{extractor}", channels)


def run(
    records: Sequence[VideoRecord],
    root: Path,
    plan: ClipPlan = PLAN,
    evidence: Sequence[EvidenceSpec] = (),
    **how: object,
) -> PrepareReport:
    return prepare_videos(records, ClipStore(root), plan, evidence, **{"workers": 1, "progress": None, **how})  # type: ignore[arg-type]


def prepare(store: Path, video: Path, count: int = 6) -> PrepareReport:
    records = [VideoRecord(f"v{i:02d}", video, i % 2, group=(str(i),)) for i in range(count)]
    records.append(VideoRecord("broken", video.with_name("absent.mp4"), 0))
    return run(records, store, evidence=[ghost()])


if __name__ == "__main__":
    prepare(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
