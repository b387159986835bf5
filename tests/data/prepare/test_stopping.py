from __future__ import annotations

import errno
import itertools
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from preparing import Records, ghost, run

from dfcore.console.progress import TERMINAL
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.prepare import videos
from dfcore.data.records import VideoRecord
from dfcore.data.store import format as store_format
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.workers import serve
from dfcore.errors import WriteError
from dfcore.testing.media import write_broken

# -- several processes -------------------------------------------------------------------------------------------------


def test_several_workers_give_the_same_store(records: Records, tmp_path: Path) -> None:
    bad = [VideoRecord("text", write_broken(tmp_path / "text.mp4", "text"), 0)]
    reports = [run([*records, *bad], tmp_path / str(n), evidence=[ghost()], workers=n) for n in (1, 2)]
    told = [(report.done, report.reused, [failure.reason for failure in report.failed]) for report in reports]
    assert told[0] == told[1]
    one, two = (tmp_path / str(n) for n in (1, 2))
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in two.iterdir())
    for name in set(names) - {"failed.jsonl"}:
        assert (one / name).read_bytes() == (two / name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extractor", "workers", "words"),
    [
        ("dies_on_b", 2, "SIGKILL"),
        ("no_memory_on_b", 2, "not enough memory"),
        ("no_memory_on_b", 1, "not enough memory"),
    ],
)
def test_what_is_not_the_files_fault_is_not_written_down_and_tried_again(
    records: Records, root: Path, extractor: str, workers: int, words: str
) -> None:
    report = run(records, root, evidence=[ghost(extractor)], workers=workers)
    assert report.done == 3
    assert [(failure.id, failure.again) for failure in report.failed] == [("b", True)]
    assert words in report.failed[0].reason
    store = ClipStore(root)
    assert store.ids() == ["a", "b", "c", "d"]  # b's clips were written before it died
    assert not store.failures
    assert run(records, root, evidence=[ghost()]).done == 1


@pytest.mark.slow
def test_a_worker_that_is_killed_once_costs_nothing(
    records: Records, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARK", str(tmp_path / "mark"))
    report = run(records, root, evidence=[ghost("dies_once_on_b")], workers=2)
    assert (report.done, report.failed) == (4, ())
    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("extractor", "words"),
    [
        ("crashes_on_b", "a decoder crashed on this file"),
        ("hangs_on_b", "did not end within 3 seconds"),
        ("eats_on_b", "far more memory than its size explains"),
    ],
)
@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_what_a_decoder_does_to_its_process_twice_is_that_files_failure(
    records: Records, root: Path, extractor: str, words: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(videos, "_seconds", lambda task: 3.0 if extractor == "hangs_on_b" else 200.0)
    monkeypatch.setattr(serve, "_PIXELS", 1e12)
    report = run(records, root, evidence=[ghost(extractor)], workers=workers, isolate=True)
    found = [(failure.id, failure.again) for failure in report.failed]
    if extractor == "hangs_on_b":  # on a busy machine it is not clear whose fault that was, or others take long too
        assert "b" in {video for video, _ in found}
    else:
        assert (report.done, found) == (3, [("b", False)])
        assert words in ClipStore(root).failures["b"].reason
    assert any(words in failure.reason for failure in report.failed)


# -- stopping and going on ---------------------------------------------------------------------------------------------


def test_ctrl_c_leaves_what_was_done(records: Records, root: Path, decoded: list[Path]) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(records, root, evidence=[ghost("interrupted_on_b")])
    assert ClipStore(root).entry("a").evidence == {"ghost": 1}
    report = run(records, root, evidence=[ghost()])
    assert (report.done, report.reused) == (3, 1)
    assert len(decoded) == 4  # b had its clips already


def test_a_run_killed_while_it_writes_goes_on_where_it_was(records: Records, root: Path, decoded: list[Path]) -> None:
    script = textwrap.dedent(
        """
        import os, sys
        from pathlib import Path
        sys.path[:0] = [sys.argv[1]]
        from dfcore.data.store import format as store_format
        from dfcore.data.clips.plan import ClipPlan
        from dfcore.data.prepare.videos import prepare_videos
        from dfcore.data.records import VideoRecord
        from dfcore.data.store.clip_store import ClipStore

        rename = os.replace
        def replace(source, target):
            if Path(target).name == "c.safetensors":
                os.kill(os.getpid(), 9)
            rename(source, target)
        store_format.os.replace = replace

        records = [VideoRecord(name, Path(sys.argv[3]), i % 2, group=(name,)) for i, name in enumerate("abcd")]
        plan = ClipPlan(clips=2, frames=3, detector="fake_parts:FixedFace")
        prepare_videos(records, ClipStore(Path(sys.argv[2])), plan, workers=1, progress=None)
        """
    )
    parts = str(Path(__file__).parents[2] / "helpers")
    command = [sys.executable, "-c", script, parts, str(root), str(records[0].path)]
    assert subprocess.run(command, check=False).returncode == -9
    assert [path.name for path in root.glob(".*")] != []  # what it was writing
    assert not (root / "c.safetensors").exists()
    assert ClipStore(root).ids() == ["a", "b"]
    assert list(root.glob(".*")) == []
    report = run(records, root)
    assert (report.done, report.reused, len(decoded)) == (2, 2, 2)
    run(records, root.parent / "unbroken")
    for path in (root.parent / "unbroken").iterdir():
        assert path.read_bytes() == (root / path.name).read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_stops_with_words_and_keeps_what_was_done(
    records: Records, root: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    run(records[:2], root)
    before = {path.name: path.read_bytes() for path in root.iterdir()}
    if workers == 1:
        monkeypatch.setattr(store_format.os, "fsync", _full)
    else:
        monkeypatch.setattr("dfcore.data.prepare.videos._work", _work_on_a_full_disk)
    with pytest.raises(WriteError, match=r"no space left.*data.store"):
        run(records, root, workers=workers)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in root.iterdir()} == before
    assert run(records, root).done == 2


def _full(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _work_on_a_full_disk(task: object) -> object:
    raise WriteError("no space left for x: set data.store.")


# -- progress ----------------------------------------------------------------------------------------------------------


def test_the_bar_is_quiet_when_stderr_is_no_terminal(
    records: Records, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(records[:1], root, progress=TERMINAL)
    assert capsys.readouterr() == ("", "")


def test_the_bar_shows_a_rate_on_a_terminal(
    records: Records, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock on which a second passes whenever tqdm looks at it, so that every video is drawn."""
    clock = itertools.count(1_000_000.0)
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    bad = VideoRecord("bad", write_broken(root.parent / "bad.mp4", "text"), 0)
    run([*records[:2], bad], root, progress=TERMINAL)
    drawn = capsys.readouterr().err.split("\r")
    assert any(re.match(r"preparing:\s+0%.* 0/3 \[", text) for text in drawn)
    for done in (1, 2, 3):
        shown = [text for text in drawn if f" {done}/3 [" in text]
        assert shown
        assert all(re.search(r"\d(video/s|s/video)", text) for text in shown)
    assert "failed=1" in drawn[-3] + drawn[-2]
    assert not drawn[-1].strip()  # and goes away
    run(records[2:], root, progress=None)
    assert capsys.readouterr().err == ""


def test_real_files_of_every_kind_become_clips_or_reasons(real_media: Path, root: Path, tmp_path: Path) -> None:
    names = ["wild/real/v052.mp4", "wild/real/v073.mpg", "photos/real/i034.png", "photos/real/i053.jpg"]
    records = [VideoRecord(name.rpartition(".")[0], real_media / name, 0) for name in names]
    text = VideoRecord("text", write_broken(tmp_path / "t.mp4", "text"), 0)
    report = run([*records, text], root, ClipPlan(clips=2, frames=2))
    assert report.done == 4
    assert [failure.id for failure in report.failed] == ["text"]
