"""Reports on the disk: written whole, one page a file, an index that is true whatever ended the command."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from fake_specialists import member, predictor
from made_report import about, explanation, failed, model, person, result
from parsed_html import ParsedPage

from dfcore.errors import UsageError, WriteError
from dfcore.inference.output import JsonLines
from dfcore.inference.report import write
from dfcore.inference.report.write import FolderReport, PageReport, page_name, start_report, write_report
from dfcore.inference.scan import Files

ODD = os.fsdecode(b'caf\xe9 <b>"#?%.mp4')


def index(report: FolderReport) -> ParsedPage:
    parsed = ParsedPage(report.address.read_text("utf-8"))
    assert parsed.problems == []
    assert parsed.fetched() == []
    return parsed


def pages(report: FolderReport) -> list[Path]:
    """The pages that the index leads to; every one is there."""
    found = [one["href"] for one in index(report).named("a") if not one["href"].startswith("#")]
    paths = [report.address.parent / unquote(one) for one in found]
    assert all(path.is_file() for path in paths)
    return paths


def started(path: Path, *files: Path) -> PageReport | FolderReport:
    judges = predictor(member())
    return start_report(path, judges, files, Files(files), prior=0.5)


def test_the_path_decides_what_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    assert isinstance(started(tmp_path / "r.html", Path("a.mp4")), PageReport)
    for files in ((Path("a.mp4"), Path("b.mp4")), (folder,)):
        report = started(tmp_path / "s.HTML", *files)
        assert isinstance(report, FolderReport)
        assert (report.address, report.folder) == (tmp_path / "s.HTML", tmp_path / "s_files")
        assert f"{len(files)} file" in index(report).text.split("not judged yet")[0][-20:]
    report = started(tmp_path / "case.v2", Path("a.mp4"))
    assert isinstance(report, FolderReport)
    assert (report.address, report.folder) == (tmp_path / "case.v2/index.html", tmp_path / "case.v2")


@pytest.mark.parametrize("place", ["case", "case #1/all files.html"])
def test_index_and_pages_lead_to_each_other(tmp_path: Path, place: str) -> None:
    with FolderReport(tmp_path / place, about()) as report:
        for path in ("x/a.mp4", "y/a.mp4", "a.mov", ODD):
            report.write(result(path), explanation(path))
    found = pages(report)
    assert len(set(found)) == 4
    for page in found:
        back = ParsedPage(page.read_text("utf-8")).named("a")[1]["href"]
        assert (page.parent / unquote(back)).resolve() == report.address.resolve()
    assert index(report).text.count("At most 1% of real videos") == 4


def test_names_of_pages_are_the_same_each_time_and_hold_nothing_strange() -> None:
    names = [page_name(Path(path)) for path in ("x/a.mp4", "y/a.mp4", ODD, "." * 3, "ä" * 300, "con", "a" * 250)]
    assert len(set(names)) == len(names)
    assert names == [
        page_name(Path(path)) for path in ("x/a.mp4", "y/a.mp4", ODD, "." * 3, "ä" * 300, "con", "a" * 250)
    ]
    assert all(name.isascii() and len(name) < 90 and not name.startswith(".") for name in names)


def test_the_index_counts_verdicts_and_gives_reasons(tmp_path: Path) -> None:
    with FolderReport(tmp_path, about()) as report:
        report.write(result("a.mp4"))
        report.write(failed("b<i>.mp4", "nothing <u>can</u> be decoded"))
        report.write(result("c.mp4", person(verdict="uncertain", ratio=None, probability=None)))
    text = index(report).text
    assert " ".join(text.split()).count("Fake 1 Uncertain 1 No verdict 1") == 1
    assert "Nothing <u>can</u> be decoded." in text
    assert "not judged yet" not in text
    assert "<title>Report on 3 files</title>" in report.address.read_text("utf-8")
    with FolderReport(tmp_path / "one", about()) as report:
        report.write(result("a.mp4"))
    assert "<title>Report on 1 file</title>" in report.address.read_text("utf-8")


def test_an_interrupted_report_lists_what_is_done_and_says_what_is_not(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(write, "_PATIENCE", 1e9)  # the index is not written again before the end
    report = FolderReport(tmp_path, about(), expected=[Path(f"{name}.mp4") for name in "abcde"])

    def judge() -> None:
        with report:
            report.write(result("a.mp4"))
            report.write(result("b.mp4"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge()
    assert len(pages(report)) == 2
    assert "3 files are not judged yet" in index(report).text


def test_a_signal_right_after_a_line_was_written_leaves_that_file_in_the_index(
    tmp_path: Path, monkeypatch: Any
) -> None:
    class Stopped(JsonLines):
        def write(self, *given: Any) -> None:
            super().write(*given)
            if given[0].path.name == "b.mp4":
                raise KeyboardInterrupt

    monkeypatch.setattr(write, "JsonLines", Stopped)
    report = FolderReport(tmp_path, about(), expected=[Path(f"{name}.mp4") for name in "abc"])

    def judge() -> None:
        with report:
            for name in "abc":
                report.write(result(f"{name}.mp4"))

    with pytest.raises(KeyboardInterrupt):
        judge()
    assert [path.name for path in pages(report)] == [page_name(Path(f"{name}.mp4")) for name in "ab"]
    assert "1 file is not judged yet" in index(report).text


def test_a_killed_report_is_mended_by_the_next(tmp_path: Path) -> None:
    before = FolderReport(tmp_path, about())
    before.write(result("a.mp4"))
    (tmp_path / page_name(Path("b.mp4"))).write_text("<p>a page without a line of results")
    with (tmp_path / "results.jsonl").open("a") as lines:
        lines.write('{"path": "c.mp4", "verd')  # cut short
    (tmp_path / "index.html").unlink()
    again = FolderReport(tmp_path, about(), expected=[Path(f"{name}.mp4") for name in "abc"], resume=True)
    assert again.known == {"a.mp4"}
    assert len(pages(again)) == 1
    with again:
        again.write(result("b.mp4"))
        again.write(result("c.mp4"))
    assert len(pages(again)) == 3
    assert "not judged yet" not in index(again).text


def test_a_file_whose_page_was_removed_is_not_known(tmp_path: Path) -> None:
    with FolderReport(tmp_path, about()) as report:
        report.write(result("a.mp4"))
        report.write(failed("b.mp4", passing=True))
        report.write(result("c.mp4"))
    (tmp_path / page_name(Path("c.mp4"))).unlink()
    assert FolderReport(tmp_path, about(), resume=True).known == {"a.mp4"}


def test_a_file_that_is_judged_again_stands_once_with_its_last_verdict(tmp_path: Path) -> None:
    for verdict in ("uncertain", "fake"):
        with FolderReport(tmp_path, about()) as report:
            report.write(result("a.mp4", person(verdict=verdict)))
    assert len(pages(report)) == 1
    assert "Uncertain" not in index(report).text.split("The models")[1].split("Files")[-1]


def test_going_on_with_other_weights_is_refused_and_adding_to_them_is_said(tmp_path: Path) -> None:
    with FolderReport(tmp_path, about()) as report:
        report.write(result("a.mp4"))
    other = about(model(hash="f" * 64))
    with pytest.raises(UsageError, match="other weights"):
        FolderReport(tmp_path, other, resume=True)
    assert "Judged by other weights than those below." in index(FolderReport(tmp_path, other)).text


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"frames")
    with pytest.raises(WriteError, match=r"clip\.mp4 is a file, not a folder"):
        FolderReport(tmp_path / "clip.mp4", about())
    (tmp_path / "results.jsonl").write_text('{"path": "a", "verdict": "maybe"}\n')
    with pytest.raises(UsageError, match="unknown verdict"):
        FolderReport(tmp_path, about())
    assert not (tmp_path / "index.html").exists()


def test_a_full_disk_leaves_the_page_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.html"
    write_report(path, result(), about())
    before = path.read_bytes()

    def full(self: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteError, match="no space left"):
        write_report(path, failed("clip.mp4"), about())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_results_beside_the_pages_are_those_of_jsonl(tmp_path: Path) -> None:
    with FolderReport(tmp_path, about()) as report:
        report.write(result(ODD))
    (line,) = (tmp_path / "results.jsonl").read_text().splitlines()
    assert json.loads(line) == result(ODD).to_dict()
