"""Running a dataset's adapter: the one place that calls ``scan``, and that checks what it returns."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from dfcore.announcement.source import line_with, place_of
from dfcore.data.records import FAKE, REAL, SPLITS, Scan, VideoRecord
from dfcore.errors import PluginError, nearest
from dfcore.plugins.calls import construct, dotted, plugin_code, wrong_call
from dfcore.specs import DatasetSpec

__all__ = ["scan_dataset"]

_WRITE = "Write `def scan(self, root: Path) -> Scan:`."


def scan_dataset(spec: DatasetSpec, root: Path) -> Scan:
    """What a dataset's adapter finds under ``root``.

    Raises:
        DatasetError: the adapter itself says that ``root`` does not hold the dataset.
        PluginError: the adapter cannot be made, raises something else, or returns anything but a good scan.
    """
    adapter = construct(f"dataset {spec.name!r}", spec.adapter)
    titled = f"dataset {spec.name!r}: the adapter {dotted(type(adapter))}"
    scan = getattr(adapter, "scan", None)
    if not callable(scan):
        names = [name for name in dir(adapter) if not name.startswith("_") and callable(getattr(adapter, name))]
        close = nearest("scan", names)
        hint = f"Is {close!r} meant? " if close else ""
        raise PluginError(f"{titled} ({place_of(type(adapter))}) has no method scan. {hint}{_WRITE}")
    wrong = wrong_call(scan, root)
    if wrong:
        raise PluginError(f"{titled}: scan is called with (root); {wrong}. {_WRITE}")
    with plugin_code(f"dataset {spec.name!r}", spec.adapter):
        found = scan(root)
    if not isinstance(found, Scan):
        what = "nothing (None)" if found is None else f"a {type(found).__name__}"
        raise PluginError(
            f"{titled}: scan ({place_of(scan)}) returned {what}, not a dfcore.Scan. Write `return "
            f"Scan({spec.name!r}, root, tuple(records))`."
        )
    for number, record in enumerate(found.records):
        problem, word = _wrong(record)
        if problem:
            named = f"record {record.id!r}" if isinstance(record, VideoRecord) else f"record {number + 1}"
            place = line_with(scan, (f'"{word}"', f"'{word}'", "VideoRecord(")) if word else place_of(scan)
            raise PluginError(f"{titled}: scan ({place}) returned a bad {named}: {problem}")
    _require_different(titled, scan, found)
    return found


def _wrong(record: Any) -> tuple[str, str]:
    """What is wrong with a record, and the word in the source that may be at fault; "" for nothing."""
    if not isinstance(record, VideoRecord):
        return f"it is a {type(record).__name__}, not a dfcore.VideoRecord.", "VideoRecord("
    values: dict[str, Any] = {name: getattr(record, name) for name in ("id", "path", "split", "group")}
    for name in ("label", "audio_label", "visual_label"):
        value: Any = getattr(record, name)
        if not (type(value) is int and value in (REAL, FAKE)) and (value is not None or name == "label"):
            optional = "" if name == "label" else ", or None"
            write = f"Write {name}=REAL or {name}=FAKE, of dfcore.data.records."
            text = f"its {name} is {value!r}; it must be 0 (real) or 1 (fake), a plain int{optional}. {write}"
            return text, str(value)
    if not isinstance(values["id"], str) or not values["id"]:
        return "its id must be a text that is not empty.", "VideoRecord("
    if not isinstance(values["path"], Path):
        return f"its path is a {type(values['path']).__name__}. Write path=Path(...).", "VideoRecord("
    if values["split"] not in ("", *SPLITS):
        close = nearest(str(values["split"]), SPLITS)
        hint = f" Did you mean {close!r}?" if close else ""
        text = f"its split is {values['split']!r}, not one of {', '.join(SPLITS)} or '' (undecided).{hint}"
        return text, str(values["split"])
    if not isinstance(values["group"], tuple):
        return f"its group is {values['group']!r}; it must be a tuple. Write group=({values['group']!r},).", "group="
    return "", ""


def _require_different(titled: str, scan: Any, found: Scan) -> None:
    doubled = [id_ for id_, count in Counter(record.id for record in found.records).items() if count > 1]
    if doubled:
        raise PluginError(
            f"{titled}: scan ({place_of(scan)}) gave {len(doubled)} ids to several records, {doubled[0]!r} for one. An "
            "id is unique in its dataset: the path below the root without its suffix, or with it where stems repeat."
        )
