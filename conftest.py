"""Fixtures for every test of the workspace."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# One thread for numerical libraries, in every process that a test starts too: sums of floats depend on the number of
# threads, and with pytest-xdist each core already has a process of tests. Set before anything imports torch or numpy.
os.environ["OMP_NUM_THREADS"] = "1"

pytest.register_assert_rewrite("dfcore.testing.contract")

ROOT = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def real_media() -> Path:
    """The folder of real test media, which is not part of the project."""
    folder = Path(os.environ.get("DFCORE_TEST_MEDIA", ROOT.parent / "shared" / "media"))
    if not folder.is_dir():
        pytest.skip(f"real test media not found at {folder} (set DFCORE_TEST_MEDIA)")
    return folder


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """A command that runs in the tests' process prints dfcore's warnings from then on: not in the next test."""
    logger = logging.getLogger("dfcore")
    before = list(logger.handlers)
    yield
    logger.handlers[:] = before


@pytest.fixture(scope="session")
def _empty_configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("configuration") / "dfcore.toml"
    path.write_text("")
    return path


@pytest.fixture(autouse=True)
def _no_user_configuration(monkeypatch: pytest.MonkeyPatch, _empty_configuration: Path) -> None:
    """A developer's own dfcore.toml and variables must not change what the tests see."""
    for name in list(os.environ):
        if name.startswith(("DFCORE_", "KAGGLE_")) and name != "DFCORE_TEST_MEDIA":
            monkeypatch.delenv(name)
    monkeypatch.setenv("DFCORE_CONFIG", str(_empty_configuration))
