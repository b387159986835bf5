"""The mend for torchvision, in fresh interpreters: what it does here, and what it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dfcore.models.backbones import vision

ROOT = Path(__file__).resolve().parents[3]

HEALTHY = """
import torch
library = torch.library.Library("torchvision", "DEF")
library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""
REGISTER = """
import torch
@torch.library.register_fake("torchvision::nms")
def nms(dets, scores, iou_threshold): ...
@torch.library.register_fake("torchvision::qnms")
def qnms(dets, scores, iou_threshold): ...
"""


def run(code: str, *path: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*path, ROOT)))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fake_torchvision(folder: Path, content: str) -> Path:
    (folder / "torchvision").mkdir(parents=True)
    (folder / "torchvision" / "__init__.py").write_text(content)
    return folder


def test_timm_and_torchvision_import_here_also_after_a_failed_import():
    code = """
broken = False
try:
    import torchvision
except RuntimeError:
    broken = True
from dfcore.models.backbones.vision import import_timm, mend_torchvision
timm = import_timm()
assert timm.is_model("efficientnet_b4")
assert mend_torchvision() is broken
import torch, torchvision, torchvision.transforms
assert import_timm() is timm
boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
try:
    kept = torchvision.ops.nms(boxes, torch.ones(1), 0.5)
    assert not broken and kept.tolist() == [0]
except RuntimeError as error:
    assert broken and "custom C++ ops" in str(error), error
"""
    run(code)


def test_a_healthy_torchvision_is_left_alone(tmp_path):
    code = """
from dfcore.models.backbones import vision
assert vision.mend_torchvision() is False
assert vision._declared is None
import torchvision, torch
assert str(torch.ops.torchvision.nms.default._schema).startswith("torchvision::nms(")
"""
    run(code, fake_torchvision(tmp_path, HEALTHY + REGISTER))


def test_only_what_is_missing_is_declared_and_only_once(tmp_path):
    half = HEALTHY.replace('library.define("qnms', '#("qnms')
    code = """
import torch
calls = []
original = torch.library.Library.define
torch.library.Library.define = lambda self, schema, *a, **k: (calls.append(schema), original(self, schema, *a, **k))[1]
from dfcore.models.backbones.vision import mend_torchvision
assert mend_torchvision() is True
assert mend_torchvision() is True
mended = [schema for schema in calls if schema.startswith("qnms")]
assert len(mended) == 1, calls
import sys
del sys.modules["torchvision"]
"""
    # The fake keeps its library in another module, as a real operator library outlives a failed import.
    folder = fake_torchvision(tmp_path, "import tv_library\n" + REGISTER)
    (folder / "tv_library.py").write_text(half)
    run(code, folder)


def test_another_failure_is_passed_on_and_nothing_is_declared(monkeypatch):
    def failing(name: str) -> None:
        raise RuntimeError("CUDA has gone")

    monkeypatch.setattr(vision, "import_module", failing)
    monkeypatch.setattr(vision, "_declared", None)
    with pytest.raises(RuntimeError, match=r"^CUDA has gone$"):
        vision.mend_torchvision()
    assert vision._declared is None


def test_a_mend_that_does_not_help_is_not_tried_again(monkeypatch):
    def failing(name: str) -> None:
        raise RuntimeError("operator torchvision::roi_align does not exist")

    declared = []
    monkeypatch.setattr(vision, "import_module", failing)
    monkeypatch.setattr(vision, "_declared", None)
    monkeypatch.setattr(vision, "_declare_missing", lambda: declared.append(1) or "library")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="roi_align"):
            vision.mend_torchvision()
    assert declared == [1]


def test_timm_is_imported_without_pytorchs_compiler_and_compiles_with_it_all_the_same():
    code = """
import sys
import torch
from dfcore.models.backbones import vision
disable = torch.compiler.disable
timm = vision.import_timm()
model = timm.create_model("test_efficientnet", pretrained=False).eval()
with torch.inference_mode():
    model(torch.zeros(1, 3, 32, 32))
assert "torch._dynamo" not in sys.modules and "torch._dynamo.utils" not in sys.modules
assert torch.compiler.disable is disable
from timm.models.naflexvit import NaFlexRopeIterator
import torchvision.ops
roi_align = sys.modules["torchvision.ops.roi_align"]
assert roi_align.is_compile_supported("cpu") is True
import torch._dynamo.utils
assert roi_align.is_compile_supported is not torch._dynamo.utils.is_compile_supported
iterator = NaFlexRopeIterator.__new__(NaFlexRopeIterator)
iterator._depth_idx, iterator.depth = 1, 1
assert next(iterator, "end") == "end"
"""
    run(code)


@pytest.mark.slow
def test_what_is_disabled_for_the_compiler_stays_so():
    code = """
import torch
from dfcore.models.backbones.vision import _disabled_on_demand
looked = []
@_disabled_on_demand
def apart(x):
    looked.append(torch.compiler.is_compiling())
    return x + 1
@torch.compile(backend="eager")
def around(x):
    return apart(x * 2) * 3
assert around(torch.ones(2)).tolist() == [9.0, 9.0] and looked == [False]
assert apart.__name__ == "apart"
"""
    run(code)


@pytest.mark.slow
def test_a_release_that_asks_more_of_the_compiler_is_imported_with_it(tmp_path):
    asks = "from torch._dynamo.utils import is_compile_supported, counters\n"
    folder = fake_torchvision(tmp_path, asks)
    (folder / "timm").mkdir()
    (folder / "timm" / "__init__.py").write_text("import torchvision\n")
    code = """
from dfcore.models.backbones.vision import import_timm
import_timm()
import sys, torchvision
assert torchvision.counters is sys.modules["torch._dynamo.utils"].counters
"""
    run(code, folder)


def test_huggingface_hub_is_imported_when_timm_asks_it_for_something_and_its_errors_are_told_apart_then():
    code = """
import os
import sys
os.environ["HF_HUB_OFFLINE"] = "1"
from dfcore.models.backbones import vision
timm = vision.import_timm()
from timm.models import _hub
assert not [name for name in sys.modules if name.partition(".")[0] == "huggingface_hub"]
assert _hub.has_hf_hub()
stand_in = _hub.EntryNotFoundError
try:
    timm.create_model("test_efficientnet", pretrained=True, cache_dir=sys.argv[0] + "-none")
except Exception as error:
    import huggingface_hub.utils as utils
    assert isinstance(error, utils.EntryNotFoundError), error
    assert _hub.EntryNotFoundError is utils.EntryNotFoundError is not stand_in
else:
    raise AssertionError("there is no network")
"""
    run(code)


def test_a_timm_that_asks_huggingface_hub_for_other_names_gets_them(tmp_path):
    code = """
import sys
import types
from dfcore.models.backbones import vision
with vision._hub_on_demand():
    import timm.models._hub as hub
assert hub.found == "here", hub.found
"""
    for name, content in {
        "huggingface_hub": "other = 'here'",
        "timm": "",
        "timm.models": "",
    }.items():
        place = tmp_path / name.replace(".", "/")
        place.mkdir(parents=True)
        (place / "__init__.py").write_text(content)
    names = "try:\n    from huggingface_hub import other\n    found, _has_hf_hub = other, True\n"
    (tmp_path / "timm/models/_hub.py").write_text(names + "except ImportError:\n    found, _has_hf_hub = 'no', False\n")
    run(code, tmp_path)


def test_two_threads_that_want_timm_at_once_import_it_one_after_the_other(monkeypatch):
    first, second, inside = threading.Event(), threading.Event(), []

    def importing():
        inside.append(None)
        if len(inside) == 1:
            first.set()
            inside.append(second.wait(0.5))
        else:
            second.set()

    disable, hub = vision.torch.compiler.disable, sys.modules.get("huggingface_hub")
    monkeypatch.setattr(vision, "_import_both", importing)
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    threads = [threading.Thread(target=vision.import_timm) for _ in range(2)]
    threads[0].start()
    first.wait(60)
    threads[1].start()
    for thread in threads:
        thread.join()
    assert inside == [None, False, None]  # the second came in when the first was out
    assert vision.torch.compiler.disable is disable
    assert sys.modules.get("huggingface_hub") is hub
