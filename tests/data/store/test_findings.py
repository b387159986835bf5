"""What was found out of a fake, and whether it still speaks of the files that are there; the sum of what was read."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.records import VideoRecord
from dfcore.data.store.array_file import ArrayFile
from dfcore.data.store.comparisons import Comparison, ComparisonLog
from dfcore.data.store.damage import Damage, DamageLog, StoreCheck, joined, note_damage
from dfcore.data.store.forged_faces import ClipFinding, ForgedFaceLog, ForgedFaces, files_of
from dfcore.data.store.format import write_arrays
from dfcore.data.store.index import IndexEntry
from dfcore.data.store.origin import Origin


def noted(path: Path, content: bytes) -> Origin:
    path.write_bytes(content)
    return Origin.of(path).sampled(path)


def touched(path: Path) -> Origin:
    """The same content, copied: other times."""
    path.write_bytes(path.read_bytes())
    os.utime(path, (1000, 1000))
    return Origin.of(path).sampled(path)


def test_a_comparison_speaks_of_both_files_as_they_were(tmp_path: Path) -> None:
    fake, original = tmp_path / "fake", tmp_path / "original"
    found = Comparison("v", False, "", 3.5, str(original), noted(fake, b"fake"), noted(original, b"original"))
    assert found.now(fake, original) == found
    assert replace(found, version=0).now(fake, original) is None
    for path, name in ((fake, "origin"), (original, "original_origin")):
        now = touched(path)
        kept = found.now(fake, original)
        assert kept is not None
        assert getattr(kept, name) == now  # written down, it need not be read the next time
        assert kept == replace(found, **{name: now})
        found = kept
    for path in (fake, original):
        content = path.read_bytes()
        path.write_bytes(content + b"!")
        assert found.now(fake, original) is None
        path.unlink()
        assert found.now(fake, original) is not None  # away for the moment
        path.write_bytes(content)


def test_comparisons_are_read_back_as_they_were(tmp_path: Path) -> None:
    log = ComparisonLog(tmp_path)
    found = Comparison("v", None, "no audio", None, "o.mp4", Origin(1, 2, 3, "a"), Origin(4, 5, 6, "b"))
    log.add(found)
    log.add(Comparison("w", True))
    again = ComparisonLog(tmp_path)
    assert dict(again) == {"v": found, "w": Comparison("w", True)}
    assert isinstance(again["v"].origin, Origin)
    assert isinstance(again["v"].original_origin, Origin)
    assert (tmp_path / "compared.jsonl").is_file()
    line = json.loads(found.to_line())
    del line["checksum"], line["original_origin"]
    with pytest.raises(KeyError):
        Comparison.from_line(json.dumps(line))


def entry(tracks: tuple[int, ...], size: int) -> IndexEntry:
    return IndexEntry("v", "v", size, 1, "swap", "train", (8,) * len(tracks), tracks, ClipPlan(), Origin())


def test_forged_faces_speak_of_the_clips_that_they_were_found_of() -> None:
    found = ForgedFaces("v", (ClipFinding(0, True, 0.9), ClipFinding(2, False, 0.1)), "mask", size=70)
    assert found.speaks_of(entry((0, 2), 70))
    assert not found.speaks_of(entry((0, 2), 71))
    assert not found.speaks_of(entry((2, 0), 70))
    assert not found.speaks_of(entry((0,), 70))
    assert not ForgedFaces("v", ()).speaks_of(entry((), 0))  # of no file yet


def test_forged_faces_speak_of_the_video_its_mask_and_its_original(tmp_path: Path) -> None:
    video, mask, original = (tmp_path / name for name in ("video", "mask", "original"))
    origins = {"video": noted(video, b"v"), "mask": noted(mask, b"m"), "original": noted(original, b"o")}
    record = VideoRecord("v", video, 1, mask=mask, original_path=original)
    assert files_of(record) == {"video": video, "mask": mask, "original": original}
    assert files_of(VideoRecord("v", video, 1)) == {"video": video}
    found = ForgedFaces("v", (ClipFinding(0, True, None),), "mask", origins=origins)
    assert found.now(record) == found
    assert found.now(replace(record, mask=None)) == found
    assert replace(found, version=0).now(record) is None
    now = touched(mask)
    assert found.now(record) == replace(found, origins={**origins, "mask": now})
    original.write_bytes(b"other")
    assert found.now(record) is None
    assert replace(found, origins={"video": origins["video"]}).now(record) is None  # of the others nothing was known


def test_forged_faces_are_read_back_as_they_were(tmp_path: Path) -> None:
    clips = (ClipFinding(0, True, 0.5), ClipFinding(1, None, None))
    found = ForgedFaces("v", clips, "original", "why", 70, {"video": Origin(1, 2, 3, "a")})
    ForgedFaceLog(tmp_path).add(found)
    again = ForgedFaceLog(tmp_path)["v"]
    assert again == found
    assert again.clips == clips
    assert isinstance(again.origins["video"], Origin)


def test_what_was_read_of_a_store_is_the_sum_of_its_files() -> None:
    parts = [
        StoreCheck(1, 4, 100, (Damage("a", "x"),), 1),
        StoreCheck(0, 3, 20),
        StoreCheck(1, 2, 3, (Damage("b", "y"), Damage("c", "z")), 2),
    ]
    assert joined(parts) == StoreCheck(2, 9, 123, (Damage("a", "x"), Damage("b", "y"), Damage("c", "z")), 3)
    assert joined([]) == StoreCheck(0, 0, 0)


def test_damage_is_kept_until_the_files_are_whole_again(tmp_path: Path) -> None:
    for file, why in (
        ("v.safetensors", "one"),
        ("v.echo.safetensors", "two"),
        ("vv.safetensors", "three"),
        ("v.safetensors", "four"),
    ):
        note_damage(tmp_path, file, why)
    log = DamageLog(tmp_path)
    assert log == {"v.safetensors": "four", "v.echo.safetensors": "two", "vv.safetensors": "three"}
    assert log.settled
    before = log.path.read_bytes()
    log.save()
    assert log.path.read_bytes() == before  # nothing was forgotten
    assert log.of(entry((0,), 1)) == ["v.safetensors", "v.echo.safetensors"]
    log.forget(entry((0,), 1))
    assert not log.settled
    log.save()
    assert log.settled
    assert DamageLog(tmp_path) == {"vv.safetensors": "three"}
    log.clear()
    log.save()
    assert not log.path.exists()
    assert log.settled


def test_a_file_is_the_same_whatever_the_order_of_its_arrays(tmp_path: Path) -> None:
    arrays = {name: np.arange(size, dtype=np.int16) for name, size in (("b", 3), ("a", 5), ("c", 0))}
    size = write_arrays(tmp_path / "one", arrays, {"entry": 1})
    write_arrays(tmp_path / "two", dict(sorted(arrays.items())), {"entry": 1})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert size == (tmp_path / "one").stat().st_size
    file = ArrayFile(tmp_path / "one")
    assert file.checked
    assert file.entry("entry") == 1
    np.testing.assert_array_equal(file.get("a"), arrays["a"])
    assert file.get("c").shape == (0,)  # type: ignore[union-attr]


def test_arrays_are_coded_from_a_kilobyte_on(tmp_path: Path) -> None:
    arrays = {"small": np.zeros(1023, np.uint8), "large": np.zeros(1024, np.uint8)}
    write_arrays(tmp_path / "one", arrays, {}, codec="compact")
    file = ArrayFile(tmp_path / "one")
    stored = load_file(tmp_path / "one")
    assert stored["small"].nbytes == 1023
    assert stored["large"].nbytes < 1024
    for name, values in arrays.items():
        np.testing.assert_array_equal(file.get(name), values)


def test_a_file_of_metadata_alone_is_whole(tmp_path: Path) -> None:
    write_arrays(tmp_path / "none", {}, {"entry": "x"})
    file = ArrayFile(tmp_path / "none")
    assert (file.compare_all(), file.entry("entry")) == (0, "x")


def test_what_is_there_already_is_not_written_again(tmp_path: Path) -> None:
    done: list[int] = []
    for _ in range(2):
        write_arrays(tmp_path / "a", {"x": np.zeros(3)}, {}, lambda: done.append(1))
    write_arrays(tmp_path / "a", {"x": np.ones(3)}, {}, lambda: done.append(2))
    assert done == [1, 2]
