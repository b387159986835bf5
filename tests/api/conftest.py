"""What tests of the library's functions share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration file that is read."""
    path = tmp_path / "dfcore.toml"
    path.touch()
    monkeypatch.setenv("DFCORE_CONFIG", str(path))
    return path
