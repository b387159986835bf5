"""The examples in the documents: fenced blocks, and folders in which they can be run as they stand."""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dfcore.data.prepare.footage import write_footage
from dfcore.testing.demo import make_demo
from dfcore.testing.layouts import as_celebdf, as_dfdc, as_fakeavceleb, as_folder
from dfcore.testing.speech import made_footage

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(path for pattern in ("*.md", "docs/*.md", "plugins/*/README.md") for path in ROOT.glob(pattern))
MARKER = re.compile(r"<!-- not run in a test: (.+) -->")
"""Stands before a block that no test can run, with the reason."""

SMALL = """
[set]
"model.backbone" = "test_efficientnet"
"model.pretrained" = false
"stage.epochs" = 1
"data.samples_per_video" = 1
"data.eval_samples" = 1
"data.clips_per_video" = 1
"data.workers" = 0
"""
"""A ``dfcore.toml`` that makes every command cheap."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a document; ``skipped`` is the reason why no test runs it, or ""."""

    document: Path
    line: int
    language: str
    text: str
    skipped: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks(document: Path, language: str) -> list[Block]:
    """The document's blocks in a language, in their order."""
    found, start, marker = [], 0, ""
    lines = document.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if not start and line.startswith("```"):
            start = number
        elif start and line.startswith("```"):
            text = "\n".join(lines[start : number - 1]) + "\n"
            found.append(Block(document, start, lines[start - 1].strip("` "), text, marker))
            start, marker = 0, ""
        elif not start and line.strip():
            match = MARKER.fullmatch(line.strip())
            marker = match[1] if match else ""
    return [block for block in found if block.language == language]


def all_blocks(language: str) -> list[Block]:
    """Those of all documents."""
    return [block for document in DOCUMENTS for block in blocks(document, language)]


_SEPARATOR = re.compile(r"(?:&&|;)(?=(?:[^']*'[^']*')*[^']*$)")
"""Between commands, not within quotes."""


def commands(block: Block) -> list[list[str]]:
    """The words of each command of a bash block; comments are left out, and lines that go on are joined."""
    joined = block.text.replace("\\\n", " ").replace("&&\n", "\n")
    found = []
    for line in joined.splitlines():
        for part in _SEPARATOR.split(line.split(" #")[0]) if not line.startswith("#") else []:
            words = shlex.split(part)
            if words:
                found.append(words)
    return found


def make_playground(root: Path) -> Path:
    """A folder with what the examples name: ``data/`` in place of ``/data/``, and a reader's own videos."""
    demo = make_demo(root / "data/FaceForensics++", pairs=(1, 1, 1), frames=10, size=256, workers=1)
    as_celebdf(demo, root / "data/Celeb-DF-v2")
    write_parts(demo, root / "data/dfdc", (*range(0, 50, 5), 49))  # each of the ten chunks, and one part that validates
    write_parts(demo, root / "mine", (0, 5, 7, 49, 3))
    (root / "mine/dfdc_train_part_3").rename(root / "mine/extra_videos")
    (root / "data/DFDC").symlink_to("dfdc")
    as_fakeavceleb(demo, root / "data/FakeAVCeleb")
    as_folder(demo, root / "my_videos")
    (root / "my_talking_videos").mkdir()
    for number in range(4):
        write_footage(made_footage(number, frames=64, size=160), root / f"my_talking_videos/{number}.mp4")
    for name in ("my_real_videos", "new_videos"):
        shutil.copytree(root / "my_videos/real", root / name)
    for name in ("video.mp4", "new_video.mp4"):
        shutil.copy(next((root / "my_videos/fake").iterdir()), root / name)
    (root / "dfcore.toml").write_text(SMALL)
    return root


def write_parts(demo: Path, root: Path, parts: Sequence[int]) -> None:
    """DFDC's parts with two real videos and two fakes each: in every part the same ones, under other names."""
    couple = sorted(next((demo / "manipulated_sequences").rglob("*_*.mp4")).stem.split("_"))
    with tempfile.TemporaryDirectory() as folder:
        for part in parts:
            here = Path(folder) / str(part)
            here.mkdir()
            for path in demo.rglob("*.mp4"):
                if set(path.stem.split("_")) <= set(couple):
                    name = "_".join(f"p{part}x{person}" for person in path.stem.split("_"))
                    shutil.copy(path, here / f"{name}.mp4")
            as_dfdc(here, root, parts=(part,))


def as_played(text: str, playground: Path) -> str:
    """An example's text for the playground: ``/data/`` is there, and the demo data, which is large, is its copy."""
    return text.replace("/data/", f"{playground}/data/").replace(
        "--data demo", f"--data {playground}/data/FaceForensics++"
    )
