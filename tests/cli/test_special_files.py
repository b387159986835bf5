"""Pipes, devices, sockets, addresses, standard input, circles of links: each command answers at once, opening none."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from click.testing import CliRunner

from dfcore.cli import _as_ours, cli
from dfcore.errors import DfcoreError, WriteError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pipes and devices as Linux has them")
SECONDS = 20
MEMORY = 1 << 30
"""Bytes more than there are that a command may ask for: a device that never ends asks for all."""

ADDRESS = "https://192.0.2.1/a.mp4"
SPECIAL: dict[str, Callable[[Path], str]] = {
    "pipe": lambda root: str(root / "pipe"),
    "device": lambda _: "/dev/zero",
    "socket": lambda root: str(root / "socket"),
    "address": lambda _: ADDRESS,
    "standard input": lambda _: "-",
    "link to itself": lambda root: str(root / "loop"),
    "circle of links": lambda root: str(root / "circle"),
    "empty name": lambda _: "",
    "long name": lambda _: "a" * 300,
}
SAID = {
    "pipe": "a pipe",
    "device": "a device",
    "socket": "a socket",
    "address": "an address|no such|does not exist",
    "standard input": "standard input|does not exist|no such",
    "link to itself": "leads to itself|does not exist|no such|symbolic links",
    "empty name": "empty|no data for|names no folder",
    "long name": "no such|does not exist|too long",
}
"""What the answer says of each; of a circle the answers differ: it is a folder, which may be written to."""

TRAIN = "train rr --stage 1 --dataset folder --backbone test_efficientnet --no-pretrained --epochs 1 --out OUT"
READ = {
    "predict FILE": "predict @ --models MODEL",
    "predict --models": "predict VIDEO --models @",
    "predict --ensemble": "predict VIDEO --models MODEL --ensemble @",
    "train --data": f"{TRAIN} --data @",
    "train --from": f"{TRAIN} --data DATA --from @",
    "train --backbone-weights": f"{TRAIN} --data DATA --backbone-weights @",
    "prepare --data": "prepare rr --dataset folder --data @ --out OUT",
    "evaluate MODEL": "evaluate @ --out OUT",
    "evaluate --data": "evaluate MODEL --dataset folder --data @ --out OUT",
    "evaluate --compare": "evaluate --compare @",
    "calibrate MODEL": "calibrate @ --out OUT",
    "calibrate --data": "calibrate MODEL --dataset folder --data @ --out OUT",
    "ensemble fit MODEL": "ensemble fit @ MODEL",
    "store verify": "store verify @",
    "datasets find": "datasets find @",
    "datasets verify folder": "datasets verify folder @",
    "datasets verify csv": "datasets verify csv @",
    "datasets verify faceforensics": "datasets verify faceforensics @",
    "datasets verify dfdc": "datasets verify dfdc @",
    "runs --out": "runs --out @",
    "runs prune --out": "runs prune --dry-run --out @",
}
WRITTEN = {
    "predict --jsonl": "predict VIDEO --models MODEL --jsonl @",
    "predict --csv": "predict VIDEO --models MODEL --csv @ --resume",
    "predict --html": "predict VIDEO --models MODEL --html @",
    "train --out": f"{TRAIN} --data DATA --out @",
    "train --store": f"{TRAIN} --data DATA --store @",
    "prepare --store": "prepare rr --dataset folder --data DATA --store @",
    "prepare --out": "prepare rr --dataset folder --data DATA --out @",
}
ALSO_WRITTEN = {
    "predict --html, an index": "predict VIDEO DATA --models MODEL --html @",
    "ensemble fit --out": "ensemble fit MODEL MODEL --out @",
    "evaluate --out": "evaluate MODEL --dataset folder --data DATA --out @",
}
NOWHERE = {
    "below a file": (lambda root: f"{root}/data/real/real.mp4/x.html", r"real\.mp4 is a file, not a folder"),
    "behind a dead link": (lambda root: f"{root}/dead/x.html", "leads to gone, where no folder is"),
    "where nobody may write": (lambda _: "/sys/x.html", "/sys/.* cannot be written"),
}
"""Places at which nothing can be written, also by a superuser, and what is said of them."""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, runs: Path, files: Path) -> Iterator[dict[str, str]]:
    """A pipe, a socket and circles of links, and good files beside them."""
    root = tmp_path_factory.mktemp("places")
    os.mkfifo(root / "pipe")
    (root / "loop").symlink_to("loop")
    (root / "dead").symlink_to("gone")
    (root / "circle").mkdir()
    (root / "circle" / "again").symlink_to(root / "circle")
    for label in ("real", "fake"):
        (root / "data" / label).mkdir(parents=True)
        shutil.copy(files / "a.mp4", root / "data" / label / f"{label}.mp4")
    with socket.socket(socket.AF_UNIX) as listening:
        before = Path.cwd()
        os.chdir(root)  # a socket's path may have 100 letters
        listening.bind("socket")
        os.chdir(before)
        model, video = runs / "rr_stage1/rr_stage1_final.pt", files / "a.mp4"
        yield {"ROOT": str(root), "MODEL": str(model), "VIDEO": str(video), "DATA": str(root / "data")}


@pytest.fixture
def answer(
    places: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], tuple[int, str]]]:
    """A command's exit code and answer; whoever waits, or reads without end, is stopped."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dfcore.data.prepare.videos.prepare_videos", _none_here)

    def late(number: int, frame: FrameType | None) -> None:
        raise _Waits

    before, limits = signal.signal(signal.SIGALRM, late), resource.getrlimit(resource.RLIMIT_AS)

    def run(command: str, value: str) -> tuple[int, str]:
        words = {**places, "@": value, "OUT": str(tmp_path / "out")}
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, limits[1]))
        signal.alarm(SECONDS)
        try:
            done = CliRunner().invoke(cli, [words.get(word, word) for word in command.split()], standalone_mode=True)
        finally:
            signal.alarm(0)
            resource.setrlimit(resource.RLIMIT_AS, limits)
        shown = _as_ours(done.exception) if isinstance(done.exception, OSError) else done.exception
        if isinstance(shown, DfcoreError):
            return shown.exit_code, f"{done.output}{shown}"
        assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
        return done.exit_code, done.output

    yield run
    signal.signal(signal.SIGALRM, before)


class _Waits(BaseException):
    """Not an Exception: whoever reads what may be anything takes those for a damaged file, and the command goes on."""


def _none_here(*_: Any, **__: Any) -> Any:
    pytest.fail("it went as far as preparing or judging videos")


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("command", READ.values(), ids=READ)
def test_what_is_no_file_is_refused_at_once(
    answer: Callable[[str, str], tuple[int, str]], places: dict[str, str], command: str, kind: str
) -> None:
    if kind == "circle of links" and command.startswith("runs"):
        pytest.skip("a folder like any other")
    if kind == "empty name" and ("--from" in command or "--backbone-weights" in command):
        pytest.skip("as if it had not been given")
    code, said = answer(command, SPECIAL[kind](Path(places["ROOT"])))
    assert code != 0, said
    assert any(part in said for part in SAID.get(kind, "|circle").split("|")), said


@pytest.mark.parametrize("kind", [kind for kind in SPECIAL if kind != "circle of links"])
@pytest.mark.parametrize("command", WRITTEN.values(), ids=WRITTEN)
def test_nothing_is_written_to_what_is_no_file(
    answer: Callable[[str, str], tuple[int, str]], places: dict[str, str], tmp_path: Path, command: str, kind: str
) -> None:
    if kind == "empty name" and "--store" in command:
        pytest.skip("an empty store is the one beside the runs")
    code, said = answer(command, SPECIAL[kind](Path(places["ROOT"])))
    assert code != 0, said
    found = f"{SAID[kind]}|Not a directory|cannot be written|cannot be read"
    assert any(part in said for part in found.split("|")), said
    assert not (tmp_path / "-").exists()
    assert not (tmp_path / "https:").exists()
    assert Path("/dev/zero").is_char_device()


@pytest.mark.parametrize("kind", NOWHERE)
@pytest.mark.parametrize("command", (WRITTEN | ALSO_WRITTEN).values(), ids=WRITTEN | ALSO_WRITTEN)
def test_a_place_where_nothing_can_be_written_is_refused_before_the_work(
    answer: Callable[[str, str], tuple[int, str]],
    places: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    kind: str,
) -> None:
    monkeypatch.setattr("dfcore.inference.predict.Predictor.results", _none_here)
    monkeypatch.setattr("dfcore.inference.explain.explainer.Explainer.results", _none_here)
    monkeypatch.setattr("dfcore.training.inputs.prepare.prepare_videos", _none_here)
    place, found = NOWHERE[kind]
    code, said = answer(command, place(places["ROOT"]))
    assert code == WriteError.exit_code, said
    assert re.search(found, said), said


def test_a_calibration_that_cannot_be_written_is_said_before_the_videos_are_scored(
    answer: Callable[[str, str], tuple[int, str]],
    places: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dfcore.assessment.fitting.calibrate.score_validation", _none_here)
    weights = shutil.copy(places["MODEL"], tmp_path / "rr_stage1_final.pt")
    (tmp_path / "rr_stage1_calibration.json").mkdir()
    code, said = answer("calibrate @ --dataset folder --data DATA --out OUT", str(weights))
    assert code == WriteError.exit_code, said
    assert "rr_stage1_calibration.json: this is a folder, not a file" in said


def test_a_configuration_that_is_no_file_is_refused_at_once(
    answer: Callable[[str, str], tuple[int, str]], places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for value, kind in ((f"{places['ROOT']}/pipe", "a pipe"), ("/dev/zero", "a device"), (ADDRESS, "not there")):
        monkeypatch.setenv("DFCORE_CONFIG", value)
        code, said = answer("datasets", "")
        assert code == 2
        assert f"DFCORE_CONFIG names {value}, which is {kind}" in said
