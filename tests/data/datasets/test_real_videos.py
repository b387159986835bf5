from __future__ import annotations

from pathlib import Path

import pytest

from dfcore.data.datasets.real_videos import RealVideos
from dfcore.errors import DatasetError


def test_every_video_at_any_depth_is_real_and_a_person_of_its_own(tmp_path: Path) -> None:
    for name in ("a.mp4", "deep/er/b.MOV", "notes.txt", ".hidden.mp4", ".cache/c.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    scan = RealVideos().scan(tmp_path)
    assert [(record.id, record.label, record.group) for record in scan.records] == [
        ("a.mp4", 0, ("a.mp4",)),
        ("deep/er/b.MOV", 0, ("deep/er/b.MOV",)),
    ]
    assert any("no videos: 1" in note for note in scan.notes)


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(DatasetError, match=r"no video at any depth \(1 other"):
        RealVideos().scan(tmp_path)
