from __future__ import annotations

from pathlib import Path

import pytest

from dfcore.data.media import decode


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The store's folder."""
    return tmp_path / "store"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every decoding pass that is begun, by file."""
    passes: list[Path] = []

    def counting(path: Path, *args: object, **how: object) -> object:
        passes.append(path)
        return decode(path, *args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr("dfcore.data.prepare.watch.decode", counting)
    return passes
