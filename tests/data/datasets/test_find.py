"""Which folders hold which dataset, told by names alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dfcore.data.datasets import find
from dfcore.data.datasets.find import find_datasets
from dfcore.data.datasets.listing import Listing
from dfcore.data.protocols import Recognises
from dfcore.errors import DatasetError
from dfcore.plugins.builtins import dfcore_datasets
from dfcore.specs import DatasetSpec, resolve

from .conftest import touch

SPECS = dfcore_datasets()
FF = "original_sequences/youtube/c23/videos/071.mp4"


def found(top: Path, specs: list[DatasetSpec] = SPECS) -> dict[str, str]:
    return {one.root.relative_to(top).as_posix(): one.dataset for one in find_datasets(top, specs)}


def metadata(folder: Path, **labels: str) -> None:
    touch(folder, *(f"{name}.mp4" for name in labels))
    entries = {f"{name}.mp4": {"label": label, "split": "train"} for name, label in labels.items()}
    (folder / "metadata.json").write_text(json.dumps(entries))


def test_what_each_adapter_recognises(tmp_path: Path) -> None:
    touch(tmp_path, f"owner/ff-c23/FaceForensics++/{FF}")
    touch(tmp_path, "flat-c23/copy/original/071.mp4", "flat-c23/copy/Deepfakes/071_054.mp4")
    touch(tmp_path, "celeb-df-v2/Celeb-real/videos/id0_0000.mp4", "celeb1/CELEB-SYNTHESIS/id0_id1_0000.mp4")
    metadata(tmp_path / "parts/dfdc_train_part_07", a="REAL", b="FAKE")
    metadata(tmp_path / "competition/train_sample_videos", a="REAL")
    metadata(tmp_path / "one-part", a="FAKE")
    metadata(tmp_path / "chunked/chunk_1/dfdc_train_part_5", a="FAKE")
    touch(tmp_path, "preview/dataset.json", "preview/original_videos/a/b.mp4", "test/x.mp4")
    (tmp_path / "test/labels.csv").write_text("filename,label\nx.mp4,1\n")
    touch(tmp_path, "mine/Real/a.mp4", "mine/Fake/b.mp4", "list/a.mp4")
    (tmp_path / "list/manifest.csv").write_text("path, label\na.mp4,real\n")
    assert found(tmp_path) == {
        "owner/ff-c23/FaceForensics++": "faceforensics",
        "flat-c23/copy": "faceforensics",
        "celeb-df-v2": "celebdf",
        "celeb1": "celebdf",
        "parts": "dfdc",
        "competition": "dfdc",
        "one-part": "dfdc",
        "chunked": "dfdc",
        "preview": "dfdc",
        "test": "dfdc",
        "mine": "folder",
        "list": "csv",
    }


def test_what_looks_alike_and_is_none(tmp_path: Path) -> None:
    touch(tmp_path, "a/metadata.json", "a/x.mp4", "b/labels.csv", "c/dataset.json", "d/manifest.csv", "e/real/x.mp4")
    touch(tmp_path, "f/original/x.mp4", "g/videos/071.mp4", ".hidden/Celeb-real/id0_0000.mp4")
    (tmp_path / "b/labels.csv").write_text("image,class\n")
    (tmp_path / "d/manifest.csv").write_text("name,url\n")
    assert found(tmp_path) == {}


def test_every_root_that_is_found_can_be_scanned(tmp_path: Path) -> None:
    touch(tmp_path, f"a/b/{FF}", "c/Celeb-real/id0_0000.mp4", "d/real/x.mp4", "d/fake/y.mp4")
    metadata(tmp_path / "e/dfdc_train_part_0", a="REAL")
    adapters = {spec.name: resolve(spec.adapter)() for spec in SPECS}
    for one in find_datasets(tmp_path, SPECS):
        assert adapters[one.dataset].scan(one.root).records
    assert [name for name, adapter in adapters.items() if not isinstance(adapter, Recognises)] == [
        "real_videos",
        "demo",
    ]


def test_the_search_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "datasets/owner/name/one/two/three/Celeb-real/id0_0000.mp4")
    assert set(found(tmp_path)) == {"datasets/owner/name/one/two/three"}
    touch(tmp_path / "deep", "1/2/3/4/5/6/Celeb-real/id0_0000.mp4")
    assert len(found(tmp_path)) == 1
    touch(tmp_path / "frames", *(f"{n}/Celeb-real/x.png" for n in range(3)))
    assert len(found(tmp_path)) == 4
    monkeypatch.setattr(find, "MOST", 2)
    assert len(find_datasets(tmp_path / "frames", SPECS)) == 0
    monkeypatch.setattr(find, "MOST", 3)
    assert len(find_datasets(tmp_path / "frames", SPECS)) == 3


def test_inside_a_dataset_nothing_else_is_looked_for(tmp_path: Path) -> None:
    touch(tmp_path, "ff/original_sequences/real/x.mp4", "ff/original_sequences/fake/x.mp4")
    assert found(tmp_path) == {"ff": "faceforensics"}


def test_adapters_that_do_not_say_or_cannot_be_loaded_find_nothing(tmp_path: Path) -> None:
    touch(tmp_path, f"ff/{FF}")
    specs = [DatasetSpec("broken", "Broken", "no_such_module:Thing"), *SPECS]
    assert found(tmp_path, specs) == {"ff": "faceforensics"}
    with pytest.raises(DatasetError, match="does not exist"):
        find_datasets(tmp_path / "none", SPECS)


class Raises:
    def recognises(self, folder: Path, listing: Listing) -> bool:
        raise KeyError("here")


def test_an_adapter_that_raises_concerns_its_own_dataset_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, f"ff/{FF}")
    specs = [DatasetSpec("raises", "Raises", f"{__name__}:Raises"), *SPECS]
    assert found(tmp_path, specs) == {"ff": "faceforensics"}
    assert "dataset raises" in caplog.text
    assert "in recognises, " in caplog.text
