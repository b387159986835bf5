"""A disk that is full while videos are prepared: said once, no video is blamed for it, and preparing goes on."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.prepare.videos import PrepareReport, prepare_videos
from dfcore.data.records import Forgery, VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import WriteError
from dfcore.specs import EvidenceSpec
from dfcore.testing.media import write_broken

PLAN = ClipPlan(clips=1, frames=2, detector="fake_parts:FixedFace")
GHOST = EvidenceSpec("ghost", 1, "fake_parts:block_means", 2)


def run(records: list[VideoRecord], root: Path) -> PrepareReport:
    return prepare_videos(records, ClipStore(root), PLAN, [GHOST], workers=1, progress=False)


def fill(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """No writing of files with this in their name succeeds."""

    def limited(real: Any) -> Any:
        def call(handle: int, *rest: Any) -> Any:
            if name in Path(f"/proc/self/fd/{handle}").readlink().name:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(handle, *rest)

        return call

    for call in ("fsync", "write"):
        monkeypatch.setattr(os, call, limited(getattr(os, call)))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="a file's name is looked up in /proc")
@pytest.mark.parametrize("name", ["b.safetensors", "b.ghost-v1.evidence", "index.jsonl", "failed.jsonl"])
def test_every_file_of_the_store(
    records: list[VideoRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    records.append(VideoRecord("text", write_broken(tmp_path / "text.mp4", "text"), 0))
    root = tmp_path / "store"
    with monkeypatch.context() as patch:
        fill(patch, name)
        with pytest.raises(WriteError, match=rf"store/{name}\S* cannot be written: no space left.*goes on from there"):
            run(records, root)
    store = ClipStore(root)
    assert [failure for failure in store.failures if failure != "text"] == []
    assert not list(root.rglob(".*.tmp"))
    report = run(records, root)
    assert [failure.id for failure in report.failed] == ["text"]
    run(records, tmp_path / "unbroken")
    for path in (tmp_path / "unbroken").iterdir():
        if path.name != "failed.jsonl":  # which holds the time
            assert path.read_bytes() == (root / path.name).read_bytes(), path.name


def test_a_full_temporary_folder_is_no_fault_of_the_video(
    made_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    forgery = Forgery("fake_parts:DarkFace", "black", True, 1, 20.0, None)
    record = VideoRecord("a", made_video, 1, group=("a",), forgery=forgery)
    monkeypatch.setattr("dfcore.data.media.encode.av", SimpleNamespace(open=full, FFmpegError=av.FFmpegError))
    with pytest.raises(WriteError, match=rf"no space left.*lie in {tempfile.gettempdir()}; TMPDIR names another"):
        prepare_videos([record], ClipStore(tmp_path / "store"), PLAN, workers=1, progress=False)
    assert not ClipStore(tmp_path / "store").failures
