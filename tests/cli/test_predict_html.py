"""``dfcore predict --html``: where the report is, whatever ends the command, and going on with it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from parsed_html import ParsedPage

from dfcore.cli.predict import command
from dfcore.errors import UsageError

MAIN = "import sys; sys.path[:] = sys.argv.pop(1).split('|'); import dfcore.cli; dfcore.cli.main()"


def arguments(runs: Path, *more: object, explain: bool = False) -> list[str]:
    known = ("--models", runs, "--detector", "fake_parts:FixedFace", "--device", "cpu")
    return [str(one) for one in (*more, *known, *([] if explain else ["--no-explain"]))]


def run(*given: str) -> Result:
    return CliRunner().invoke(command, [*given, "--no-isolate"])


def listed(index: Path) -> list[str]:
    """The names of the files that an index lists; each one's page is there."""
    page = ParsedPage(index.read_text("utf-8"))
    assert (page.problems, page.fetched()) == ([], [])
    links = [one["href"] for one in page.named("a") if not one["href"].startswith("#")]
    assert all((index.parent / link).is_file() for link in links)
    return [re.sub(r"-[0-9a-f]{8}\.html$", "", Path(link).name) for link in links]


def test_a_single_file_gives_its_page_and_the_command_says_where(runs: Path, files: Path, tmp_path: Path) -> None:
    done = run(*arguments(runs, files / "a.mp4", "--html", tmp_path / "r.html", "--prior", "0.2"))
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1] == f"report: {tmp_path / 'r.html'}"
    page = ParsedPage((tmp_path / "r.html").read_text("utf-8"))
    assert (page.problems, page.fetched()) == ([], [])
    assert "Uncertain" in page.text
    assert "rr was trained on demo data" in page.text
    assert list(tmp_path.iterdir()) == [tmp_path / "r.html"]


def test_the_report_explains_and_nothing_else_changes(runs: Path, files: Path, tmp_path: Path) -> None:
    report, jsonl = tmp_path / "report", tmp_path / "out.jsonl"
    done = run(*arguments(runs, files / "a.mp4", "--html", report, "--jsonl", jsonl, explain=True))
    plain = run(*arguments(runs, files / "a.mp4"))
    assert done.output.splitlines()[:2] == plain.output.splitlines()[:2]
    assert "explanation" not in json.loads(jsonl.read_text())
    assert json.loads((report / "results.jsonl").read_text())["explanation"]["people"]
    (page,) = report.glob("a.mp4-*.html")
    assert ParsedPage(page.read_text("utf-8")).named("img")


def test_a_folder_gives_an_index_with_every_file_and_why_one_was_not_judged(
    runs: Path, files: Path, tmp_path: Path
) -> None:
    done = run(*arguments(runs, files, "--html", tmp_path / "report", "--json"))
    assert done.exit_code == 4
    assert len(json.loads(done.stdout)) == 5
    assert f"report: {tmp_path / 'report/index.html'}" in done.stderr
    assert listed(tmp_path / "report/index.html") == [f"{name}.mp4" for name in "abcde"]
    assert "No verdict 1" in " ".join(ParsedPage((tmp_path / "report/index.html").read_text()).text.split())


def test_going_on_leaves_out_what_has_its_page(runs: Path, files: Path, tmp_path: Path) -> None:
    report, jsonl = tmp_path / "r.html", tmp_path / "out.jsonl"
    run(*arguments(runs, files / "a.mp4", files / "c.mp4", "--html", report))
    (first,) = (tmp_path / "r_files").glob("a.mp4-*.html")
    before = first.stat().st_mtime_ns
    done = run(*arguments(runs, files, "--html", report, "--resume"))
    assert "2 of 5 files are judged already" in done.output
    assert sorted(listed(report)) == [f"{name}.mp4" for name in "abcde"]
    assert first.stat().st_mtime_ns == before
    done = run(*arguments(runs, files, "--html", report, "--jsonl", jsonl, "--resume"))
    assert "judged already" not in done.output  # a second output that lacks them is brought up to date
    assert first.stat().st_mtime_ns == before
    assert len(jsonl.read_text().splitlines()) == 5


def test_going_on_needs_something_to_go_on_with(runs: Path, files: Path, tmp_path: Path) -> None:
    refused = run(*arguments(runs, files, "--resume")).exception
    assert isinstance(refused, UsageError)
    assert "--html" in str(refused)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_stopped_leaves_an_index_of_what_is_done(
    runs: Path, files: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    lines = tmp_path / "report/results.jsonl"
    given = arguments(runs, *(files / f"{name}.mp4" for name in "abde"), "--html", tmp_path / "report")
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "|".join(sys.path), "predict", *given],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (lines.exists() and lines.stat().st_size) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    if process.wait(timeout=120) == 0:
        pytest.skip("it was done before the signal came")
    assert process.returncode == code
    index = tmp_path / "report/index.html"
    done = len(lines.read_text().splitlines())
    assert len(listed(index)) == done < 4
    assert "not judged yet" in index.read_text()
    run(*given, "--resume")
    assert sorted(listed(index)) == ["a.mp4", "b.mp4", "d.mp4", "e.mp4"]
    assert "not judged yet" not in index.read_text()
