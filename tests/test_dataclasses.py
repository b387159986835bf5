"""Results and announcements cannot be changed by whoever gets them: dataclasses are frozen, and slotted."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CHANGED = {
    "assessment/explanations/faithfulness.py:_Tally",
    "data/clips.py:Clip",
    "data/datasets/dfdc.py:_Found",
    "data/datasets/faceforensics.py:_Found",
    "data/datasets/folder.py:_Found",
    "data/faces/tracks.py:_Thread",
    "data/media/frames.py:DecodedFrame",
    "data/prepare/survey.py:Survey",
    "data/prepare/watch.py:Footage",
    "data/store/index.py:_Found",
    "testing/demo/skin.py:Surface",
    "testing/demo/video.py:Upload",
    "training/inputs/data.py:TrainingData",
    "training/run.py:Run",
}
"""Those that are filled or go on while they are used."""
OF_ARRAYS = {
    "assessment/explanations/samples.py:Samples",
    "data/clips.py:Speech",
    "data/faces/cuts.py:Signature",
    "data/faces/tracks.py:FaceTrack",
    "data/prepare/speech.py:SmallFrame",
    "data/prepare/speech.py:SpeechSpan",
    "data/prepare/watch.py:Crop",
    "evaluation/genuine.py:GenuineStatistics",
    "evaluation/genuine.py:GenuineVideo",
    "evaluation/probe.py:LinearProbe",
    "evaluation/probe.py:VideoFeatures",
    "inference/explain/effects.py:Halves",
    "inference/explain/person.py:Samples",
    "inference/models.py:Member",
    "testing/speech.py:Utterance",
}
"""Those that hold arrays or models, which are not compared as a whole: each is equal to itself alone."""
MORE = {"discovery.py:PluginEntry": {"order"}, "training/inputs/data.py:TrainingData": {"weakref_slot"}}


def expected(name: str) -> set[str]:
    options = {"slots", *MORE.get(name, ())}
    if name not in CHANGED:
        options.add("frozen")
    return options


def test_every_dataclass_is_slotted_and_frozen_or_listed_here() -> None:
    found: dict[str, tuple[set[str], set[str]]] = {}
    files = [*(ROOT / "dfcore").rglob("*.py"), *ROOT.glob("plugins/dfs-*/dfs_*/*.py")]
    for path in files:
        place = path.relative_to(ROOT).as_posix().removeprefix("dfcore/")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for decorator in getattr(node, "decorator_list", ()):
                if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "dataclass":
                    said = {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords}
                    on, off = ({str(key) for key, value in said.items() if value is state} for state in (True, False))
                    found[f"{place}:{node.name}"] = on, off  # type: ignore[attr-defined]
                assert getattr(decorator, "id", "") != "dataclass", f"{place}: say frozen=True, slots=True"
    assert len(found) > 100
    for name, (on, off) in found.items():
        assert on == expected(name), f"{name}: has {on}, expected {expected(name)}"
        assert off == ({"eq"} if name in OF_ARRAYS else set()), name
    assert set(found) >= CHANGED | OF_ARRAYS | set(MORE)
