from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import DataError
from dfcore.evaluation.probe import STRENGTHS, VideoFeatures, encode_videos, fit_probe
from dfcore.testing.views import made_clip


def videos(seed: int, count: int = 40, shift: float = 1.0, features: int = 5) -> VideoFeatures:
    rng = np.random.default_rng(seed)
    records = tuple(VideoRecord(f"v{seed}-{i}", Path("x"), i % 2) for i in range(count))
    samples = tuple(rng.normal(size=(3, features)) * [1, 5, 1, 1, 1] + shift * (i % 2) for i in range(count))
    return VideoFeatures(records, samples)


def test_it_is_scikit_learns_regression_on_standardised_means() -> None:
    train, val = videos(1), videos(2)
    probe = fit_probe(train, val)
    mean, scale = train.means.mean(axis=0), train.means.std(axis=0)
    model = LogisticRegression(C=probe.strength, class_weight="balanced", max_iter=2000)
    model.fit((train.means - mean) / scale, train.labels)
    expected = model.decision_function((val.means - mean) / scale)
    np.testing.assert_allclose(probe.margins(val.means), expected, rtol=1e-9)


def test_validation_chooses_the_strength() -> None:
    probe = fit_probe(videos(1), videos(2))
    assert set(probe.losses) == set(STRENGTHS)
    assert probe.losses[probe.strength] == min(probe.losses.values())
    # Where nothing is to be learnt, strong regularisation loses least.
    assert fit_probe(videos(1, shift=0.0), videos(2, shift=0.0)).strength <= 0.01 < probe.strength
    assert fit_probe(videos(1), None).strength == 1.0


def test_one_class_is_refused() -> None:
    train = videos(1)
    real = VideoFeatures(train.records[::2], train.samples[::2])
    with pytest.raises(DataError, match="20 real and 0 fake"):
        fit_probe(real, None)


class Mean(nn.Module):
    num_features, image_size = 3, 28

    def forward(self, face: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(face, 4)


def test_features_belong_to_their_videos_and_margins_are_means_over_samples(tmp_path: Path) -> None:
    store = ClipStore(tmp_path)
    for number in range(4):
        clip = made_clip(number, frames=4, size=96, audio=False)
        clip.y = np.full_like(clip.y, 40 + 40 * number)
        store.write(f"made-{number}", [clip])
    records = [VideoRecord(f"made-{number}", Path("x"), number // 2) for number in range(4)]
    found = encode_videos(Mean().eval(), store, records, device=torch.device("cpu"), samples=3, batch_size=5)
    assert [len(samples) for samples in found.samples] == [3] * 4
    assert (np.diff(found.means[:, 0]) > 0).all()
    scored = fit_probe(found, None).score(found, store)
    assert [video.label for video in scored] == [0, 0, 1, 1]
    assert scored[0].margin == pytest.approx(np.mean(scored[0].sample_margins))
    assert scored[0].margin < scored[3].margin
    assert scored[0].codec == store.open("made-0").source.codec
