"""``dfcore.report``: the pages that the command writes, as a function."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from parsed_html import ParsedPage

import dfcore
from dfcore.models.factory import create
from dfcore.models.files.weights import save_final
from dfcore.testing.media import write_broken, write_video


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = create("rr", backbone="test_efficientnet", pretrained=False, seed=0)
    config = {"stage": {"dataset": "demo"}, "data": {"clips_per_video": 1, "eval_samples": 1}}
    path = tmp_path_factory.mktemp("runs") / "rr_stage1_final.pt"
    save_final(path, model, {"stage": 1, "config": config})
    return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "a.mp4", width=256, height=256, frames=12)
    write_broken(folder / "b.mp4", "noise")
    return folder


def made(weights: Path, files: object, path: Path, **changes: object) -> dfcore.ReportResult:
    known = {"models": weights, "detector": "fake_parts:FixedFace", "device": "cpu", "isolate": False}
    return dfcore.report(files, path, **{**known, **changes})  # type: ignore[arg-type]


def test_a_page_shows_the_explanation_or_says_that_there_is_none(weights: Path, videos: Path, tmp_path: Path) -> None:
    found = made(weights, videos / "a.mp4", tmp_path / "r.html")
    assert found.path == tmp_path / "r.html"
    assert [one.verdict for one in found.results] == ["uncertain"]
    page = ParsedPage(found.path.read_text("utf-8"))
    assert (page.problems, page.fetched()) == ([], [])
    assert page.named("img")
    assert "Through the video" in page.text
    assert "Codec of the images h264" in " ".join(page.text.split())
    assert "dfcore.report(" in page.text
    plain = made(weights, videos / "a.mp4", tmp_path / "p.html", explain=False, prior=0.1)
    text = plain.path.read_text("utf-8")
    assert "<img" not in text
    assert "The scores were not explained" in text
    assert plain.results == found.results


def test_going_on_judges_what_has_no_page_yet(weights: Path, videos: Path, tmp_path: Path) -> None:
    first = made(weights, [videos / "a.mp4"], tmp_path / "case", explain=False)
    assert first.path == tmp_path / "case/index.html"
    rest = made(weights, str(videos), tmp_path / "case", explain=False, resume=True)
    assert [one.path.name for one in rest.results] == ["b.mp4"]
    links = [one["href"] for one in ParsedPage(rest.path.read_text()).named("a") if ".mp4" in one["href"]]
    assert [link[:5] for link in links] == ["a.mp4", "b.mp4"]
    assert json.loads(json.dumps(rest.to_dict()))["results"][0]["verdict"] == "none"
    again = made(weights, str(videos), tmp_path / "case", explain=False)
    assert [one.path.name for one in again.results] == ["a.mp4", "b.mp4"], (
        "what has a page is judged again unless asked"
    )
