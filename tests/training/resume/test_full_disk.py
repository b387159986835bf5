"""A disk that is full, at every place where a run writes: said, nothing lost, and the run goes on afterwards."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dfcore import cli
from dfcore.console.progress import Terminal
from dfcore.errors import WriteError
from dfcore.models.files.weights import read_final
from dfcore.runs.folder import read_json, read_lines
from dfcore.testing.demo import make_demo
from dfcore.training.callbacks.tensorboard import TensorBoard
from dfcore.training.inputs import prepare as preparation

PLACES = {
    "config.json": 0,
    "metrics.jsonl": 0,  # the empty file at the start
    "metrics.jsonl ": 4,  # a line
    "last.pt": 0,
    "last.pt ": 4,
    "epoch01.zip": 0,
    "curves.png": 1,
    "tfevents": 0,
    "tfevents ": 5,
    "final.pt": 0,
    "summary.json": 0,
}
"""Part of a file's name, and how many writes of it go well before."""


class FullDisk:
    """From the given write of a file on, no writing of it succeeds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, spared: int = 0) -> None:
        self.name, self.spared, self.met = name, spared, 0
        for call in ("fsync", "write"):
            monkeypatch.setattr(os, call, self._limited(getattr(os, call)))

    def _limited(self, real: Any) -> Any:
        def limited(handle: int, *rest: Any) -> Any:
            path = Path(f"/proc/self/fd/{handle}")
            if self.name in path.readlink().name:
                self.met += 1
                if self.met > self.spared:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(handle, *rest)

        return limited


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="a file's name is looked up in /proc")


@pytest.fixture(scope="module")
def unbroken(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tiny.tiny_run(tiny.tiny_config(tmp_path_factory.mktemp("unbroken")))


def weights_of(result: Any) -> str:
    return read_final(result.final)["hash"]


@needs_proc
@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize("place", PLACES)
def test_every_place_says_so_and_the_run_goes_on(
    tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbroken: Any, place: str
) -> None:
    config, name = tiny.tiny_config(tmp_path), place.strip()
    if name != "curves.png":
        monkeypatch.setattr("dfcore.training.callbacks.metrics_log.draw", lambda run: None)
    with monkeypatch.context() as patch:
        disk = FullDisk(patch, name, PLACES[place])
        with pytest.raises(WriteError, match=rf"{name}\S* cannot be written: no space left.*runs prune.*resume=True"):
            tiny.tiny_run(config, extra=(TensorBoard(),))
    assert disk.met > disk.spared
    assert not list(tmp_path.rglob(".*.tmp"))
    result = tiny.tiny_run(config, resume=True, extra=(TensorBoard(),))
    assert weights_of(result) == weights_of(unbroken)
    assert [line["step"] for line in read_lines(result.folder / "metrics.jsonl") if line["kind"] == "train"] == [
        *range(1, 16)
    ]


@needs_proc
def test_the_log_waits_and_the_run_goes_on(
    tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbroken: Any
) -> None:
    with monkeypatch.context() as patch:
        FullDisk(patch, "log.txt")
        result = tiny.tiny_run(tiny.tiny_config(tmp_path))
    assert weights_of(result) == weights_of(unbroken)
    assert not (result.folder / "log.txt").read_text()


@needs_proc
def test_what_the_log_could_not_hold_is_written_later(
    tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tiny.Log()
    with monkeypatch.context() as patch:
        FullDisk(patch, "log.txt")
        log.attach(tmp_path / "log.txt")
        log.say("one")
    log.say("two")
    assert (tmp_path / "log.txt").read_text() == "one\ntwo\n"


def test_a_screen_that_fails_does_not_end_a_run(tiny: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen:
        error = errno.ENOSPC

        def write(self, text: str) -> int:
            return len(text)

        def flush(self) -> None:
            raise OSError(self.error, os.strerror(self.error))

    monkeypatch.setattr(sys, "stdout", Screen())
    for Screen.error in (errno.ENOSPC, errno.EPIPE, errno.EIO):
        tiny.Log().say("text")
    Screen.error = errno.EPIPE
    with pytest.raises(BrokenPipeError):  # of a command that only shows something, it is the end
        Terminal().say("text")


# -- a disk that is really full ------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MiB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=24m", "none", str(place)], capture_output=True)
    if not done or done.returncode:
        pytest.skip("no file system can be mounted here: that needs to be root, with the rights of a real one")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def dfcore(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The command line's exit code; in this process, which has torch already."""
    monkeypatch.setattr(sys, "argv", ["dfcore", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.mark.slow
def test_training_fills_a_real_disk_says_so_and_goes_on(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its last.pt takes more than half of the disk: the first is saved, the second finds no space beside it."""
    prepare_alone = partial(preparation.prepare_videos, progress=False)
    monkeypatch.setattr(preparation, "prepare_videos", lambda *a, **how: prepare_alone(*a, **{**how, "workers": 1}))
    demo = make_demo(tmp_path / "demo", pairs=(1, 1, 1), frames=6, size=192, workers=1)
    arguments = (
        "train", "cm", "--stage", 1, "--data", demo, "--store", tmp_path / "store", "--out", small_disk / "runs",
        "--backbone", "test_efficientnet", "--no-pretrained", "--epochs", 1, "--batch-size", 2,
        *("--set", "run.save_every=1", "--set", "data.samples_per_video=1", "--set", "data.eval_samples=1"),
        *("--set", "data.clips_per_video=1", "--set", "data.workers=0"),
    )  # fmt: skip
    run = small_disk / "runs" / "cm_stage1"
    assert dfcore(monkeypatch, *arguments) == 74
    said = capsys.readouterr().err
    assert f"{run / 'last.pt'} cannot be written: no space left on the disk (1" in said  # 10 to 19 MiB are needed
    assert f" MiB free in {run})" in said
    assert "dfcore runs prune" in said
    assert not list(run.glob(".*.tmp"))
    assert dfcore(monkeypatch, "runs", "--out", small_disk / "runs") == 0
    assert "unfinished, 0 of 1 epoch, step 2" in capsys.readouterr().out
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert dfcore(monkeypatch, *arguments, "--resume") == 0
    assert "resuming   at step 1 of 2" in capsys.readouterr().out
    assert read_json(run / "summary.json")["steps"] == 2
