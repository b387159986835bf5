"""Made videos and small runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dfcore.testing.media import write_video


@pytest.fixture(scope="session")
def two_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty frames; the person on the right is the bright one."""

    def image(_: int) -> Any:
        image = np.full((240, 400, 3), 30, np.uint8)
        image[:, 200:] = 220
        return image

    return write_video(tmp_path_factory.mktemp("v") / "two.mp4", width=400, height=240, frames=40, image=image)


@pytest.fixture(scope="session")
def save_specialist() -> Callable[..., Path]:
    """Writes a small untrained specialist's final weights into a run's folder below ``root``."""

    def save(root: Path, name: str = "cm", stage: int = 1, *, seed: int = 0, **meta: Any) -> Path:
        from dfcore.models.factory import create
        from dfcore.models.files.weights import save_final

        model = create(name, backbone="test_efficientnet", pretrained=False, seed=seed)
        data = {"detector": "centerface", "clips_per_video": 2, "clip_frames": 8, "people": 1, "eval_samples": 3}
        config = {"stage": {"dataset": "faceforensics"}, "data": {**data, **meta.pop("data", {})}}
        path = root / f"{name}_stage{stage}" / f"{name}_stage{stage}_final.pt"
        save_final(path, model, {"stage": stage, "config": config, **meta})
        return path

    return save
