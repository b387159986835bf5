"""Every snippet of docs/library.md runs, in order, as it stands; the dataset is made, and small."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from dfcore.plugins import registry
from dfcore.testing.demo import make_demo

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"
SMALL = """\
[datasets]
faceforensics = "data/FaceForensics++"
celebdf = "data/Celeb-DF"
dfdc = "data/dfdc"

[set]
"model.backbone" = "test_efficientnet"
"model.pretrained" = false
"stage.epochs" = 1
"data.clips_per_video" = 1
"data.samples_per_video" = 1
"data.eval_samples" = 1
"data.workers" = 0
"run.device" = "cpu"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with all that the page speaks of."""
    made = make_demo(tmp_path / "data" / "FaceForensics++", pairs=(1, 1, 0), frames=8, size=192, workers=1)
    mine = tmp_path / "data" / "mine"
    mine.mkdir()
    videos = sorted(made.rglob("*.mp4"))[:2]
    for name, video in zip(("a", "b"), videos, strict=True):
        shutil.copy(video, mine / f"{name}.mp4")
    (mine / "table.txt").write_text("a real anna\nb fake ben\n")
    (tmp_path / "dfcore.toml").write_text(SMALL)
    monkeypatch.delenv("DFCORE_CONFIG")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry(), "_own_datasets", {})
    return tmp_path


def snippets() -> list[tuple[int, str]]:
    """Line and code of each."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start()) + 1, match[1]) for match in found]


@pytest.mark.slow
def test_every_snippet_of_the_librarys_page_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"__name__": "page"}
    for line, code in snippets():
        exec(compile("\n" * line + code, str(PAGE), "exec"), names)  # an error shows the page's own line
    assert (folder / "mine.pt").is_file()
    said = capsys.readouterr().out
    for words in ("['av', 'bg', 'cm', 'rr', 'tm']", "(4, 'dfdc', 1e-05)", "PrepareReport(done=2", "Did you mean"):
        assert words in said
