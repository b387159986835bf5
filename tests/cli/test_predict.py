"""``dfcore predict``: what is printed and written, whatever ends it."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dfcore.cli.output.verdicts import rows
from dfcore.cli.predict import command
from dfcore.errors import RunLockedError
from dfcore.inference.results import FileResult, PersonResult, SpecialistScore
from dfcore.runs.output_lock import OutputLock


def options(runs: Path, *more: object) -> list[str]:
    return ["--models", str(runs), "--detector", "fake_parts:FixedFace", "--device", "cpu", *map(str, more)]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_rows_and_files_say_the_same(runs: Path, files: Path, tmp_path: Path) -> None:
    jsonl, table = tmp_path / "out.jsonl", tmp_path / "out.csv"
    done = run(files, *options(runs, "--jsonl", jsonl, "--csv", table))
    assert done.exit_code == 4, done.output
    results = [json.loads(line) for line in jsonl.read_text().splitlines()]
    assert [Path(one["path"]).name for one in results] == [f"{name}.mp4" for name in "abcde"]
    assert [one["verdict"] for one in results] == ["uncertain", "uncertain", "none", "uncertain", "uncertain"]
    for one, row in zip(results, csv.DictReader(table.open(newline="")), strict=True):
        assert (row["path"], row["verdict"], row["reason"]) == (one["path"], one["verdict"], one["reason"])
        assert row["score"] == ("" if one["score"] is None else str(one["score"]))
        if one["score"] is not None:
            assert f"{one['score']:.3f}" in done.output
    assert f"none       {files / 'c.mp4'}: " in done.output
    under = done.output.split("\n\n")[1]
    assert f"rr: stage 1, trained on demo, {runs}" in under
    assert "warning: rr was trained on demo data" in under
    assert "dfcore calibrate" in under
    assert "1 of 5 files could not be judged." in under


def test_json_is_one_array_and_nothing_else(runs: Path, files: Path) -> None:
    done = run(files / "a.mp4", files / "c.mp4", *options(runs, "--json", "--no-isolate"))
    assert done.exit_code == 4
    assert [one["verdict"] for one in json.loads(done.stdout)] == ["uncertain", "none"]
    assert "trained on demo" in done.stderr


def test_explanations_stand_under_the_row_and_in_the_files(runs: Path, files: Path, tmp_path: Path) -> None:
    jsonl, table = tmp_path / "out.jsonl", tmp_path / "out.csv"
    done = run(
        files / "a.mp4", files / "c.mp4", *options(runs, "--explain", "--no-isolate", "--jsonl", jsonl, "--csv", table)
    )
    assert done.exit_code == 4, done.output
    judged, refused = (json.loads(line) for line in jsonl.read_text().splitlines())
    one = judged["explanation"]["people"][0]["specialists"]["rr"]
    assert f"rr (Resolution inconsistency): score {judged['score']:.3f} over 1 sample. {one['finding']}" in done.output
    assert "no moment is called forged: it is not calibrated" in done.output
    assert one["notes"][0] in done.output
    assert refused["explanation"]["people"] == []
    plain = run(files / "a.mp4", *options(runs, "--json", "--no-isolate"))
    del judged["explanation"]
    assert json.loads(plain.stdout) == [judged]
    assert len(list(csv.DictReader(table.open(newline="")))) == 2


def test_json_holds_explanations_where_they_are_asked_for(runs: Path, files: Path) -> None:
    done = run(files / "a.mp4", *options(runs, "--json", "--explain", "--no-isolate"))
    (found,) = json.loads(done.stdout)
    assert found["explanation"]["facts"]["codec"] == "h264"


def test_going_on_leaves_out_what_is_there(runs: Path, files: Path, tmp_path: Path) -> None:
    jsonl, table = tmp_path / "out.jsonl", tmp_path / "out.csv"
    run(files / "a.mp4", files / "c.mp4", *options(runs, "--jsonl", jsonl, "--no-isolate"))
    before = jsonl.read_text()
    done = run(files, *options(runs, "--jsonl", jsonl, "--resume"))
    assert "2 of 5 files are judged already" in done.output
    assert jsonl.read_text().startswith(before)
    assert sorted(Path(json.loads(line)["path"]).name for line in jsonl.open()) == [f"{n}.mp4" for n in "abcde"]
    # A second file that lacks some is brought up to date; the first stays as it is.
    whole = jsonl.read_text()
    assert run(files, *options(runs, "--jsonl", jsonl, "--csv", table, "--resume")).exit_code == 4
    assert len(list(csv.DictReader(table.open(newline="")))) == 5
    assert jsonl.read_text() == whole
    assert run(files, *options(runs, "--jsonl", jsonl, "--csv", table, "--resume")).exit_code == 0


def test_what_cannot_be_done_is_refused_before_anything_is_judged(runs: Path, files: Path, tmp_path: Path) -> None:
    from dfcore.errors import DataError, UsageError

    assert isinstance(run(files, *options(runs, "--resume")).exception, UsageError)
    assert isinstance(run(tmp_path, *options(runs)).exception, DataError)
    assert run(files, *options(runs, "--people", "0")).exit_code == 2
    assert run(files, *options(runs, "--people", "some")).exit_code == 2


MAIN = "import sys; sys.path[:] = sys.argv.pop(1).split('|'); import dfcore.cli; dfcore.cli.main()"
ORDER = "abdec"


@pytest.fixture(scope="module")
def unbroken(runs: Path, files: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("unbroken") / "out.jsonl"
    run(*(files / f"{name}.mp4" for name in ORDER), *options(runs, "--jsonl", path, "--no-isolate"))
    return path.read_text()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_whatever_ends_it_keeps_what_is_done_and_it_can_go_on(
    runs: Path, files: Path, tmp_path: Path, number: signal.Signals, code: int, unbroken: str
) -> None:
    """Ended when the first result is there; then resumed: the same lines as unbroken."""
    jsonl = tmp_path / "out.jsonl"
    arguments = [*(str(files / f"{name}.mp4") for name in ORDER), *options(runs, "--jsonl", jsonl)]
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "|".join(sys.path), "predict", *arguments, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    while not (jsonl.exists() and jsonl.stat().st_size) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    output, _ = process.communicate(timeout=120)
    lines = jsonl.read_text().splitlines(keepends=True)
    if process.returncode in (4, 0):
        pytest.skip("it was done before the signal came")
    assert process.returncode == code
    assert lines == unbroken.splitlines(keepends=True)[: len(lines)]
    if number is not signal.SIGKILL:
        assert len(json.loads(output)) in (len(lines) - 1, len(lines))
    run(*arguments, "--resume", "--no-isolate")
    assert jsonl.read_text() == unbroken


# -- the table ---------------------------------------------------------------------------------------------------------


def person(number: int, score: float | None = 0.7, abstained: str = "") -> PersonResult:
    scores = {"rr": SpecialistScore(score), "av": SpecialistScore(abstained=abstained)}
    return PersonResult(number, "fake", score, 1.0, 0.9, 2.0, "", scores, 0, 0.0, (0, 0, 1, 1))


def test_a_file_has_a_row_for_each_person_and_says_why_a_specialist_abstained() -> None:
    people = (person(0, 0.25, "the file has no audio"), person(1))
    found = rows(FileResult(Path("x.mp4"), "fake", people=people, person=1, people_seen=3), ["rr", "av"], [6, 6])
    assert found == [
        "fake        0.250       -   0.250   0.900      1/3  x.mp4",
        "           av: the file has no audio",
        "fake        0.700       -   0.700   0.900     2/3*  x.mp4",
    ]


def test_names_cannot_speak_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from dfcore.cli.output.verdicts import VerdictTable

    VerdictTable({}).show(FileResult(Path("a\x1b[31m\udce9é.mp4"), "none", reason="no"))
    assert capsys.readouterr().out == "none       a\\x1b[31m\\xe9é.mp4: no\n"


@pytest.mark.parametrize(("verdict", "given", "code"), [("fake", True, 10), ("fake", False, 0), ("real", True, 0)])
def test_the_exit_code_tells_of_a_fake_when_asked(
    runs: Path, files: Path, monkeypatch: pytest.MonkeyPatch, verdict: str, given: bool, code: int
) -> None:
    from dfcore.inference.predict import Predictor

    monkeypatch.setattr(
        Predictor,
        "results",
        lambda self, paths, refused: (FileResult(path, verdict, people=(person(0),)) for path in paths),
    )
    asked = ["--exit-code"] if given else []
    assert run(files / "a.mp4", *options(runs, *asked)).exit_code == code


@pytest.mark.parametrize("option", ["--jsonl", "--csv", "--html"])
def test_the_second_command_that_writes_to_a_place_is_refused_before_it_judges(
    runs: Path, files: Path, tmp_path: Path, option: str
) -> None:
    place = tmp_path / "found"
    with OutputLock(place, "predicting"):
        done = run(files / "a.mp4", *options(runs, option, place))
    assert isinstance(done.exception, RunLockedError)
    assert str(done.exception).startswith(f"{place} is in use by process ")
    assert "verdict" not in done.output
    assert not place.exists()


@pytest.mark.parametrize(("device", "kept"), [("cpu", [True]), ("meta", [])])
def test_on_a_cpu_memory_that_a_batch_frees_is_kept_for_the_next(
    runs: Path, files: Path, monkeypatch: pytest.MonkeyPatch, device: str, kept: list[bool]
) -> None:
    from dfcore import device as devices
    from dfcore.inference.predict import Predictor
    from dfcore.training.runtime import memory

    said: list[bool] = []
    monkeypatch.setattr(memory, "keep_freed_memory", lambda: said.append(True))
    monkeypatch.setattr(devices, "choose_device", lambda _: device)
    monkeypatch.setattr(Predictor, "results", lambda *_: (one for one in ()))
    assert run(files / "a.mp4", *options(runs)).exit_code == 0
    assert said == kept
