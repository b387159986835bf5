"""A specialist's weights, and files for it to judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from dfcore.testing.media import write_broken, write_video


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from dfcore.models.factory import create
    from dfcore.models.files.weights import save_final

    root = tmp_path_factory.mktemp("runs")
    model = create("rr", backbone="test_efficientnet", pretrained=False, seed=0)
    config = {"stage": {"dataset": "demo"}, "data": {"clips_per_video": 1, "eval_samples": 1}}
    save_final(root / "rr_stage1" / "rr_stage1_final.pt", model, {"stage": 1, "config": config})
    return root


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four small videos that can be judged, and one that cannot."""
    folder = tmp_path_factory.mktemp("files")
    first = write_video(folder / "a.mp4", width=256, height=256, frames=12)
    for name in ("b", "d", "e"):
        (folder / f"{name}.mp4").write_bytes(first.read_bytes())
    write_broken(folder / "c.mp4", "noise")
    return folder
