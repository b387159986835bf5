"""The fuzzer: some mutants of every kind end well, it sees what does not, and hostile files are refused."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from fuzzing import driver as drivers  # noqa: E402
from fuzzing.driver import KINDS, Driver, doors_of, kind_of, mutants_of  # noqa: E402
from fuzzing.hostile import collect  # noqa: E402
from fuzzing.judge import fault_of_reason, fault_of_terminal  # noqa: E402
from fuzzing.mutate import mutate_bytes, mutate_text  # noqa: E402
from fuzzing.outcome import FAULT, Mutant, Outcome, attempt, generator  # noqa: E402
from fuzzing.samples import Samples, make_samples  # noqa: E402
from fuzzing.sockets import forbid_connections, forbid_programs  # noqa: E402

from dfcore.data.workers.process import can_isolate  # noqa: E402
from dfcore.errors import DataError  # noqa: E402

pytestmark = pytest.mark.skipif(not can_isolate(), reason="files are decoded in this process on this system")

SEED = 11
COUNTS = {"media": 24, "weights": 3, "store": 6, "list": 40, "run": 2}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return make_samples(tmp_path_factory.mktemp("fuzz") / "work", kinds=KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_mutants_of_every_kind_end_with_a_result_or_a_true_reason(kind: str, samples: Samples, tmp_path: Path) -> None:
    doors = doors_of(kind)(samples)
    numbers = [number for number in range(1000) if kind_of(number) == kind][: COUNTS[kind]]
    found = list(doors.run(mutants_of(doors, SEED, numbers), tmp_path / "batch"))
    assert {outcome.number for outcome in found} == set(numbers)
    assert [outcome for outcome in found if outcome.outcome == FAULT] == []


def test_a_mutant_is_made_of_its_seed_and_number_alone(samples: Samples) -> None:
    for kind in KINDS:
        doors = doors_of(kind)(samples)
        one, other, third = (mutants_of(doors, seed, [5, 6]) for seed in (1, 1, 2))
        assert one == other
        assert one != third
        assert one[1:] == mutants_of(doors, 1, [6])


@pytest.mark.parametrize("change", [mutate_bytes, mutate_text])
def test_mutations_change_the_content(change: Callable[..., tuple[bytes, list[str]]]) -> None:
    content = b'{"label": "REAL", "frames": [1, 2, 3]}\n' * 9
    changed = [change(content, generator(0, number)) for number in range(200)]
    assert sum(new != content for new, _ in changed) > 150
    assert all(steps for _, steps in changed)


@pytest.mark.parametrize(
    ("reason", "fault"),
    [
        ("", "no reason"),
        ("a.mp4: decoding it failed (ValueError)", "inside of the program"),
        ("a.mp4: list index out of range", "inside of the program"),
        ("a.mp4: 'NoneType' object has no attribute 'y'", "inside of the program"),
        ("a.mp4: the image cannot be read: InvalidDataError", "the exception's type alone"),
        ("this file is cut short and cannot be read", "not named"),
        ("a.mp4: the file is empty (0 bytes). Replace it.", ""),
    ],
)
def test_a_reason_is_about_the_file(reason: str, fault: str) -> None:
    found = fault_of_reason(reason, "a.mp4")
    assert fault in found
    assert bool(found) == bool(fault)


def test_what_libraries_write_past_dfcore_is_seen() -> None:
    assert fault_of_terminal("[mov,mp4 @ 0x55] moov atom not found")
    assert fault_of_terminal("x.py:3: DecompressionBombWarning: too large")
    assert not fault_of_terminal("preparing: 100%\n/a.mp4: damaged: the decoder refused 3 packets")


def test_an_exception_that_is_not_dfcores_is_a_fault() -> None:
    mutant = Mutant(3, "list", "a.csv", b"", ())

    def raises(error: Exception) -> Callable[[], None]:
        def action() -> None:
            raise error

        return action

    assert attempt(mutant, "scan", raises(KeyError("label")))[0].outcome == FAULT
    assert (
        attempt(mutant, "scan", raises(DataError("a.csv, line 3: no label. Write one.")), "a.csv")[0].outcome
        == "reason"
    )
    assert attempt(mutant, "scan", lambda: 5, check=lambda value: "too much" if value > 4 else "")[0].outcome == FAULT


class Odd:
    """Doors that crash at mutant 2 and hang at mutant 4."""

    kind, size = "odd", 8

    def __init__(self, samples: Samples) -> None:
        pass

    def mutant(self, number: int, rng: object) -> Mutant:
        return Mutant(number, "odd", "a", b"", ())

    def run(self, mutants: Sequence[Mutant], folder: Path) -> Iterator[Outcome]:
        for mutant in mutants:
            yield Outcome(mutant.number, "odd", "door", "result")
            if mutant.number == 2:
                os._exit(3)
            if mutant.number == 4:
                time.sleep(60)


def _serve_odd(pipe: Any, samples: Any, terminal: str) -> None:
    drivers.doors_of = lambda kind: Odd  # type: ignore[assignment]
    drivers.serve(pipe, samples, terminal)


@pytest.mark.slow
def test_a_crash_and_a_hang_are_faults_and_the_rest_goes_on(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "serve", _serve_odd)
    driver = Driver(samples, patience=20)
    found = list(driver.run("odd", 0, [1, 2, 3, 4, 5]))
    driver.end()
    assert [(one.number, one.door) for one in found] == [
        (1, "door"), (2, "door"), (2, "crash"), (3, "door"), (4, "door"), (4, "hang"), (5, "door")
    ]  # fmt: skip


def _connects(family: int) -> None:
    assert forbid_connections()
    left, right = socket.socketpair()  # pipes between processes are no connections
    left.close(), right.close()
    socket.socket(family)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's filter is Linux's")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_process_that_connects_is_ended(family: int) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_connects, args=(family,))
    process.start()
    process.join(60)
    assert process.exitcode == -31  # SIGSYS


TRIED = {
    "system": "import os; os.system('true')",
    "exec": "import os; os.execv('/bin/true', ['true'])",
    "popen": "import subprocess; subprocess.run(['true'])",
    "shell": "import subprocess; subprocess.run('true', shell=True)",
    "connect": "import socket; socket.socket().connect(('127.0.0.1', 9))",
    "lookup": "import socket; socket.getaddrinfo('localhost', 9)",
}


def _tries(mark: Path, code: str) -> None:
    forbid_programs(mark)
    exec(code)


@pytest.mark.skipif(sys.platform == "win32", reason="programs as POSIX systems have them")
@pytest.mark.parametrize("code", TRIED.values(), ids=TRIED)
def test_a_process_that_starts_a_program_or_connects_is_refused_and_found_out(code: str, tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_tries, args=(tmp_path / "mark", code))
    process.start()
    process.join(60)
    assert process.exitcode == 1
    assert (tmp_path / "mark").read_text()


def test_python_itself_may_be_started(tmp_path: Path) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', ''], check=True)"
    process = multiprocessing.get_context("spawn").Process(target=_tries, args=(tmp_path / "mark", code))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert not (tmp_path / "mark").exists()


@pytest.mark.slow
def test_nothing_hostile_is_executed_connects_or_passes_at_any_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DFCORE_CONFIG", raising=False)  # so that the hostile configuration files are read
    rows, how, came = collect(tmp_path / "hostile")
    assert [row for row in rows if row.fault] == []
    assert came == 0
    assert how or not sys.platform.startswith("linux")
    doors = {row.door for row in rows}
    for door in (
        "predict",
        "prepare",
        "verify",
        "predict --models",
        "train --backbone-weights",
        "store verify",
        "resume",
    ):
        assert door in doors
