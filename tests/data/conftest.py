from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dfcore.data.clips import Clip, ClipHeader, SourceHeader
from dfcore.data.records import VideoRecord
from dfcore.testing.media import write_video


@pytest.fixture(scope="session")
def made_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small H.264 file: 192x160, 40 frames."""
    return write_video(tmp_path_factory.mktemp("made") / "video.mp4", width=192, height=160, frames=40)


@pytest.fixture
def records(made_video: Path) -> list[VideoRecord]:
    """Four videos named a to d (the same file), real and fake in turn."""
    return [VideoRecord(name, made_video, i % 2, group=(name,)) for i, name in enumerate("abcd")]


@pytest.fixture(scope="session")
def make_clip() -> Callable[..., Clip]:
    """Clips in memory: random pixels, unless planes are given."""

    def make(
        frames: int = 3, width: int = 128, height: int = 96, *, seed: int = 0, box: Any = None, **source: Any
    ) -> Clip:
        rng = np.random.default_rng(seed)
        x, y = 32, 16
        box = box or (x + 40.0, y + 20.0, x + 90.0, y + 80.0)
        points = ((50.0, 40.0), (80.0, 40.0), (65.0, 50.0), (55.0, 70.0), (75.0, 70.0))
        about: dict[str, Any] = {
            "video": "clip", "label": 1, "manipulation": "test", "split": "", "group": ("g",), "compression": "",
            "width": 640, "height": 480, "fps": 25.0, "frame_count": 100, "codec": "h264", "pix_fmt": "yuv420p",
            "converted": "", "colour_range": "tv", "colour_matrix": "bt601", "rotation": 0, "has_audio": False,
            "version": "0",
        }  # fmt: skip
        header = ClipHeader(
            track=0,
            frames=tuple(range(10, 10 + frames)),
            times=tuple(i / 25 for i in range(10, 10 + frames)),
            pict_types="P" * frames,
            window=(x, y, width, height),
            boxes=(tuple(box),) * frames,
            landmarks=(tuple((px + x, py + y) for px, py in points),) * frames,
            score=0.9,
        )
        blocks = (frames, height // 16, width // 16)
        return Clip(
            SourceHeader(**{**about, **source}),
            header,
            y=rng.integers(0, 256, (frames, height, width), dtype=np.uint8),
            u=rng.integers(0, 256, (frames, height // 2, width // 2), dtype=np.uint8),
            v=rng.integers(0, 256, (frames, height // 2, width // 2), dtype=np.uint8),
            qp=rng.integers(0, 52, blocks, dtype=np.int8),
            motion=rng.integers(-99, 99, (*blocks, 2), dtype=np.int16),
            audio=rng.integers(-99, 99, 1600, dtype=np.int16),
            evidence={"ghost": rng.random((frames, 5, *blocks[1:])).astype(np.float16)},
            landmarks=rng.integers(-8 * height // 2, 8 * height // 2, (frames, 95, 2), dtype=np.int16),
        )

    return make


@pytest.fixture
def image() -> Callable[..., Path]:
    """Writes a small image of noise, the same for the same seed."""

    def write(path: Path, seed: int, width: int = 24, height: int = 16) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return write
