"""Files without checksums (of an earlier dfcore, or whose checksums are damaged) must have their entries at least."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from dfcore.data.store.damage import _check_file

CODED = {"0/values": {"kind": "values", "dtype": "float16", "shape": [6], "sizes": [12], "differences": False}}


@pytest.mark.parametrize(
    ("name", "entries", "missing"),
    [
        ("v.ghost-v1.evidence.safetensors", {"evidence": {}}, ""),
        ("v.ghost-v1.evidence.safetensors", {"video": {}}, "its metadata has no 'evidence'"),
        ("v.ghost-v1.evidence.safetensors", {"e6idmnce": {}}, "its checksums are missing"),
        ("v.ghost-v1.evidence.safetensors", {"evidence": {}, "chebksums": {"x": 1}}, "its checksums are missing"),
        ("v.ghost-v1.evidence.safetensors", {"evidence": {}, "coded": CODED}, "its checksums are missing"),
        ("v.safetensors", {"video": {}, "source": {}, "clips": []}, ""),
        ("v.safetensors", {"video": {}, "clips": []}, "its metadata has no 'source'"),
    ],
)
def test_entries_that_are_missing_are_damage(tmp_path: Path, name: str, entries: dict[str, Any], missing: str) -> None:
    save_file({"0/values": np.zeros(3, np.float32)}, tmp_path / name, {"dfcore": json.dumps(entries)})
    found = _check_file(tmp_path, name)
    assert [one.why for one in found.damaged] == ([missing] if missing else [])
    assert found.unchecked == (0 if missing else 1)
