from __future__ import annotations

from pathlib import Path

import pytest
from two_people import PLAN, RIGHT, altered, write

from dfcore.data.clips import ClipHeader
from dfcore.data.prepare.extract import extract_clips


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("forged") / "original.mp4", options={"crf": "23"})


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The face on the right was forged, and the whole encoded with another crf."""
    return write(tmp_path_factory.mktemp("forged") / "fake.mp4", altered(RIGHT), options={"crf": "28"})


@pytest.fixture(scope="session")
def headers(fake: Path) -> list[ClipHeader]:
    return [clip.header for clip in extract_clips(fake, PLAN)]
