"""Pretrained weights: from a file, from timm's cache, or not at all; never silently at random."""

from __future__ import annotations

import errno
import struct
import sys
import zipfile
from pathlib import Path

import huggingface_hub.constants
import pytest
import safetensors.torch
import torch

from dfcore.errors import WeightsError, WriteError
from dfcore.models.backbones import pretrained
from dfcore.models.backbones.backbone import TimmBackbone
from dfcore.models.backbones.vision import import_timm

NAME = "test_efficientnet"


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    """timm's own weights of the model, classifier included, as a download would hold them."""
    torch.manual_seed(7)
    return import_timm().create_model(NAME).state_dict()


@pytest.fixture
def no_hub(monkeypatch, tmp_path) -> Path:
    """An empty cache, and a hub where nobody listens."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return cache


def loaded(**options) -> dict[str, torch.Tensor]:
    return TimmBackbone(NAME, image_size=64, **options).model.state_dict()


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, expected[name]) for name, tensor in found.items())


def test_no_network_and_no_cache_says_what_to_do(no_hub):
    with pytest.raises(WeightsError) as caught:
        TimmBackbone(NAME, pretrained=True)
    message = str(caught.value)
    assert NAME in message
    assert "127.0.0.1:9 is out of reach" in message
    assert str(no_hub) in message
    assert "pretrained=False" in message
    assert "backbone_weights=FILE" in message


def test_offline_mode_does_not_ask(no_hub, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(pretrained, "_ask", lambda *_: pytest.fail("asked the network"))
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE is set"):
        TimmBackbone(NAME, pretrained=True)


def test_a_client_of_the_hub_that_cannot_be_imported_says_what_to_install(no_hub, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsError, match=r"huggingface_hub cannot be imported.*pip install huggingface_hub"):
        TimmBackbone(NAME, pretrained=True)


def test_a_failing_download_is_the_same_error(no_hub, monkeypatch):
    """The server answers, but then gives no file."""
    monkeypatch.setattr(pretrained, "unreachable", lambda _: None)

    def failing(*_, **options):
        assert options["pretrained"]
        raise ConnectionResetError("reset by peer")

    monkeypatch.setattr(import_timm(), "create_model", failing)
    with pytest.raises(WeightsError, match=r"ConnectionResetError: reset by peer.*pretrained=False"):
        TimmBackbone(NAME, pretrained=True)


def test_a_download_that_fills_the_disk_says_so(no_hub, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pretrained, "unreachable", lambda _: None)
    monkeypatch.setattr(import_timm(), "create_model", full)
    with pytest.raises(WriteError, match=rf"{no_hub} cannot be written: no space left.*HF_HOME names another place"):
        TimmBackbone(NAME, pretrained=True)


def test_cached_weights_need_no_network(no_hub, state, monkeypatch):
    """The hub's own client would ask first, and retry for half a minute where there is no network."""
    import_timm()
    monkeypatch.setattr("timm.models._hub.hf_hub_download", lambda *_, **__: pytest.fail("asked the hub"))
    repository = no_hub / "models--timm--test_efficientnet.r160_in1k"
    (repository / "snapshots" / "abc").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    safetensors.torch.save_file(state, repository / "snapshots" / "abc" / "model.safetensors")
    assert same(loaded(pretrained=True), state)


def test_a_model_without_published_weights_says_so(no_hub):
    with pytest.raises(WeightsError, match=r"no pretrained weights for 'mixer_s32_224'.*pretrained=False") as caught:
        TimmBackbone("mixer_s32_224", pretrained=True)
    assert "try again" not in str(caught.value)


def test_a_server_that_does_not_answer_is_waited_for_briefly(monkeypatch):
    import threading

    release = threading.Event()
    monkeypatch.setattr(pretrained, "_ask", lambda *_: release.wait(30) and None)
    assert "does not answer" in pretrained.unreachable("http://example.invalid", wait=0.05)
    release.set()


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}, lambda s: {"model": s}])
def test_torch_files(tmp_path, state, wrap):
    torch.save(wrap(state), tmp_path / "w.pth")
    assert same(loaded(weights=tmp_path / "w.pth"), state)


def test_safetensors_and_data_parallel_names(tmp_path, state, no_hub):
    safetensors.torch.save_file({f"module.{k}": v for k, v in state.items()}, tmp_path / "w.safetensors")
    bare = {k.removeprefix("module."): v for k, v in state.items()}
    torch.save({f"module.{k}": v for k, v in bare.items()}, tmp_path / "w.pth")
    assert same(loaded(weights=tmp_path / "w.pth", pretrained=True), state)
    assert same(loaded(weights=tmp_path / "w.safetensors", pretrained=True), state)


def test_counters_of_old_files_may_be_missing(tmp_path, state):
    old = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "w.pth")
    found = loaded(weights=tmp_path / "w.pth")
    assert same({name: found[name] for name in found if name in old}, old)


def test_weights_that_do_not_fit_list_the_first_mismatches(tmp_path, state):
    state["conv_stem.weight"] = torch.zeros(2, 3, 3, 3)
    del state["bn1.weight"]
    state["extra.weight"] = torch.zeros(1)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(WeightsError) as caught:
        loaded(weights=tmp_path / "w.pth")
    message = str(caught.value)
    assert "conv_stem.weight is [2, 3, 3, 3], expected [24, 3, 3, 3]" in message
    assert "bn1.weight is missing" in message
    assert "extra.weight is unexpected" in message


def test_another_models_weights_are_refused(tmp_path):
    torch.save(import_timm().create_model("test_resnet").state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"and \d+ more\. Give the weights of the same timm model"):
        loaded(weights=tmp_path / "w.pth")


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def test_pickles_are_refused_and_not_executed(tmp_path, state):
    torch.save({"state_dict": state, "more": Evil(tmp_path / "executed")}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"would have to be executed.*\(it calls for _?io\.open\)\. Save"):
        loaded(weights=tmp_path / "w.pth")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("w.pth", b"not weights at all", "refused|cannot be read"),
        ("w.safetensors", b"not weights at all", "cannot be read as weights"),
        ("w.pth", b"", "cannot be read as weights"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, match):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=match):
        loaded(weights=tmp_path / name)


def test_a_file_without_tensors_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="no state dict"):
        loaded(weights=tmp_path / "w.pth")


@pytest.mark.parametrize("path", ["missing.pth", "."])
def test_a_missing_file_or_a_folder_is_refused(tmp_path, path):
    with pytest.raises(WeightsError, match=r"the backbone\'s weights .*: (no such file|this is a folder)"):
        loaded(weights=tmp_path / path)


@pytest.mark.parametrize("kind", ["compressed", "leads up"])
def test_archives_that_torch_did_not_write_are_refused(tmp_path, state, kind):
    path = tmp_path / "w.pth"
    torch.save(state, path)
    with zipfile.ZipFile(path) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if kind == "compressed" else zipfile.ZIP_STORED) as archive:
        for name, data in [*members.items(), *([("../evil", b"x")] if kind == "leads up" else [])]:
            archive.writestr(name, data)
    with pytest.raises(WeightsError, match=r"(compressed or declares|does not write).*given as backbone_weights"):
        loaded(weights=path)
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize(
    ("text", "length", "more"),
    [
        ("{}", 2**62, 0),
        ('{"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}', None, 8),
        ('{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,8]}}', None, 8),
        ('{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}', None, 8),
    ],
)
def test_safetensors_with_a_lying_header(tmp_path, text, length, more):
    data = struct.pack("<Q", len(text) if length is None else length) + text.encode() + bytes(more)
    (tmp_path / "w.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match=r"w\.safetensors cannot be read as weights"):
        loaded(weights=tmp_path / "w.safetensors")
