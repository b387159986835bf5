"""Spliced videos hold the fake's frames where they say, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dfcore.data.media import decode
from dfcore.testing.layouts import make_layouts
from dfcore.testing.splices import SHARE, TRUTH, make_splices, splice


def test_a_stretch_is_put_in_its_place() -> None:
    fake, original = (tuple(np.full((6, side, side), value, np.uint8) for side in (4, 2, 2)) for value in (9, 1))
    made = splice(fake, original, [range(1, 3), range(5, 6)])  # type: ignore[arg-type]
    for plane in made:
        assert plane[:, 0, 0].tolist() == [1, 9, 9, 1, 1, 9]
    assert (original[0] == 1).all()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_layouts(tmp_path_factory.mktemp("made"), pairs=(1, 0, 0), frames=20, size=128) / "faceforensics"


def test_the_named_seconds_are_the_forged_ones(root: Path, tmp_path: Path) -> None:
    made = make_splices(root, tmp_path, frames=16, crf=12)
    assert [one.manipulation for one in made] == ["Deepfakes", "original", "Deepfakes", "original"]
    assert [len(one.spans) for one in made] == [1, 0, 1, 0]
    for one in made:
        shown, own = (
            np.stack([f.y for f in decode(path, side_data=False)]).astype(float)
            for path in (tmp_path / one.file, root / f"{one.original}.mp4")
        )
        assert len(shown) == 16
        apart = np.abs(shown - own[:16]).max(axis=(1, 2))
        times = np.arange(16) / 25
        inside = np.zeros(16, bool)
        for start, end in one.spans:
            assert SHARE[0] - 0.04 <= (end - start) * 25 / 16 <= SHARE[1] + 0.04
            inside |= (times >= start - 1e-6) & (times < end - 1e-6)
        assert inside.any() == bool(one.spans)
        if inside.any():
            assert apart[inside].min() > 2 * apart[~inside].max()


def test_the_truth_is_written_down_and_the_same_for_a_seed(root: Path, tmp_path: Path) -> None:
    made = [make_splices(root, tmp_path / name, frames=16, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert made[0] == made[1]
    assert [one.spans for one in made[0]] != [one.spans for one in made[2]]
    written = json.loads((tmp_path / "a" / TRUTH).read_text())
    assert [[tuple(span) for span in one["spans"]] for one in written] == [list(one.spans) for one in made[0]]
