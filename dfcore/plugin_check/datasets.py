"""Running a dataset's adapter on a made folder."""

from __future__ import annotations

import tempfile
from pathlib import Path

from dfcore.data.datasets.listing import list_folder
from dfcore.data.scanning import scan_dataset
from dfcore.errors import DatasetError, PluginError
from dfcore.plugin_check.problems import Problems
from dfcore.plugins.calls import construct, plugin_code, wrong_call
from dfcore.specs import DatasetSpec

__all__ = ["check_dataset", "made_folder"]

_LISTS = {
    "labels.csv": "path,label\nreal/000.mp4,real\nfake/001.mp4,fake\n",
    "metadata.json": '{"000.mp4": {"label": "REAL"}, "001.mp4": {"label": "FAKE", "original": "000.mp4"}}\n',
}


def check_dataset(spec: DatasetSpec, problems: Problems) -> None:
    """Scan a made folder, and an empty one. An adapter that does not know their layout says so by a DatasetError."""
    if spec.generated:
        return
    with tempfile.TemporaryDirectory(prefix="dfcore-") as place:
        empty = Path(place, "empty")
        empty.mkdir()
        for root in (made_folder(Path(place, "made")), empty):
            with problems.kept(f"dataset {spec.name!r}", spec.adapter):
                _scan(spec, root)


def _scan(spec: DatasetSpec, root: Path) -> None:
    adapter = construct(f"dataset {spec.name!r}", spec.adapter)
    recognises = getattr(adapter, "recognises", None)
    if recognises is not None:
        wrong = wrong_call(recognises, root, list_folder(root))
        if wrong:
            raise PluginError(
                f"dataset {spec.name!r}: recognises is called with (folder, listing); {wrong}. Write `def "
                "recognises(self, folder: Path, listing: Listing) -> bool:`."
            )
        with plugin_code(f"dataset {spec.name!r}", spec.adapter):
            recognises(root, list_folder(root))
    try:
        scan_dataset(spec, root)
    except DatasetError:
        return  # how an adapter says that this is not its dataset


def made_folder(root: Path) -> Path:
    """A folder of empty video files under names that are common, with lists of them; returned."""
    for name in ("real/000.mp4", "fake/001.mp4", "train/real/002.mp4", "train/fake/003.mp4", "000.mp4", "001.mp4"):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    for name, text in _LISTS.items():
        (root / name).write_text(text, encoding="utf-8")
    return root
