from __future__ import annotations

from pathlib import Path

import pytest

from dfcore.data.datasets.real_videos import RealVideos
from dfcore.errors import DatasetError

from .conftest import touch


def test_every_video_at_any_depth_is_real_and_a_person_of_its_own(tmp_path: Path) -> None:
    for name in ("a.mp4", "deep/er/b.MOV", "notes.txt", ".hidden.mp4", ".cache/c.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    scan = RealVideos().scan(tmp_path)
    assert [(record.id, record.label, record.group) for record in scan.records] == [
        ("a.mp4", 0, ("a.mp4",)),
        ("deep/er/b.MOV", 0, ("deep/er/b.MOV",)),
    ]
    assert "Left out, no video: 1 (notes.txt)." in scan.notes


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no real video at any depth. It is empty"):
        RealVideos().scan(tmp_path)
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(DatasetError, match=r"Left out, no video: 1 \(photo.jpg\)"):
        RealVideos().scan(tmp_path)


def test_what_is_named_or_listed_as_fake_is_left_out_and_named(tmp_path: Path) -> None:
    names = ("real/a.mp4", "Fake_v2/b.mp4", "manipulated_sequences/Deepfakes/c.mp4", "Celeb-synthesis/d.mp4")
    touch(tmp_path, *names, "part/r.mp4", "part/f.mp4", "part/u.mp4")
    (tmp_path / "part/metadata.json").write_text('{"r.mp4": {"label": "REAL"}, "f.mp4": {"label": "FAKE"}}')
    scan = RealVideos().scan(tmp_path)
    assert [record.id for record in scan.records] == ["part/r.mp4", "part/u.mp4", "real/a.mp4"]
    notes = " ".join(scan.notes)
    assert "below a folder named as fakes are: 3 (Celeb-synthesis/d.mp4, Fake_v2/b.mp4" in notes
    assert "called fake by the metadata.json beside it: 1 (part/f.mp4)" in notes
    with pytest.raises(DatasetError, match="named as a folder of fakes"):
        RealVideos().scan(tmp_path / "Fake_v2")


def test_folders_that_are_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/a.mp4", "root/b.mp4")
    (tmp_path / "root/part0").symlink_to("../elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere/up").symlink_to("../root", target_is_directory=True)
    scan = RealVideos().scan(tmp_path / "root")
    assert [record.id for record in scan.records] == ["b.mp4", "part0/a.mp4"]
    assert "Left out, read already, by another path (a link): 1 (part0/up)." in scan.notes
