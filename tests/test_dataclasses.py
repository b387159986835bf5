"""Results and announcements cannot be changed by whoever gets them: dataclasses are frozen, and slotted."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CHANGED = {
    "data/clips/clip.py:Clip",
    "data/datasets/dfdc.py:_Found",
    "data/datasets/faceforensics.py:_Found",
    "data/datasets/folder.py:_Found",
    "data/faces/tracks.py:_Thread",
    "data/media/frames.py:DecodedFrame",
    "data/media/coding/history.py:CodingHistory",
    "data/prepare/survey.py:Survey",
    "data/prepare/watch.py:Footage",
    "data/store/index.py:_Found",
    "testing/demo/people/skin.py:Surface",
    "testing/demo/video.py:Upload",
    "training/inputs/data.py:TrainingData",
    "training/run.py:Run",
}
"""Those that are filled or go on while they are used."""
MORE = {"plugins/discovery.py:PluginEntry": {"order"}, "training/inputs/data.py:TrainingData": {"weakref_slot"}}


def expected(name: str) -> set[str]:
    options = {"slots", *MORE.get(name, ())}
    if name not in CHANGED:
        options.add("frozen")
    return options


def test_every_dataclass_is_slotted_and_frozen_or_listed_here() -> None:
    found: dict[str, set[str]] = {}
    files = [*(ROOT / "dfcore").rglob("*.py"), *ROOT.glob("plugins/dfs-*/dfs_*/*.py")]
    for path in files:
        place = path.relative_to(ROOT).as_posix().removeprefix("dfcore/")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for decorator in getattr(node, "decorator_list", ()):
                if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "dataclass":
                    said = {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords}
                    found[f"{place}:{node.name}"] = {str(key) for key, value in said.items() if value is True}  # type: ignore[attr-defined]
                assert getattr(decorator, "id", "") != "dataclass", f"{place}: say frozen=True, slots=True"
    assert len(found) > 100
    for name, on in found.items():
        assert on == expected(name), f"{name}: has {on}, expected {expected(name)}"
    assert set(found) >= CHANGED | set(MORE)
