"""The baseline that a detector has to beat: a linear probe on a frozen encoder's features of the face.

Each video is the mean of its samples' features; a logistic regression learns on the training videos, its strength of
regularisation is the one with the lowest log-loss on the validation videos. A margin being linear in the features, the
margin of a video's mean is the mean of its samples' margins, as with every other detector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader

from dfcore.data.records import FAKE, REAL, VideoRecord
from dfcore.data.samples import ClipSamples
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import DataError
from dfcore.evaluation.scored import ScoredVideo, about_video
from dfcore.evaluation.verdicts.calibration import balanced_log_loss

__all__ = ["STRENGTHS", "LinearProbe", "VideoFeatures", "encode_videos", "fit_probe"]

Floats = NDArray[np.float64]

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Inverse strengths of regularisation (scikit-learn's C) to choose from."""


@dataclass(frozen=True, slots=True, eq=False)
class VideoFeatures:
    """Encoded videos: ``samples[i]`` are the features ``[n, F]`` of ``records[i]``."""

    records: tuple[VideoRecord, ...]
    samples: tuple[Floats, ...]

    @property
    def means(self) -> Floats:
        """``[N, F]``."""
        return np.stack([found.mean(axis=0) for found in self.samples])

    @property
    def labels(self) -> NDArray[np.int64]:
        """``[N]``."""
        return np.array([record.label for record in self.records], np.int64)


@torch.no_grad()
def encode_videos(
    encoder: nn.Module,
    store: ClipStore,
    records: Sequence[VideoRecord],
    *,
    device: torch.device,
    samples: int = 8,
    batch_size: int = 32,
    workers: int = 0,
    check: Callable[[], None] | None = None,
) -> VideoFeatures:
    """The pooled features of the videos' face views.

    Args:
        encoder: a backbone (:class:`dfcore.models.protocols.Backbone`) in evaluation mode on ``device``.
        store: has all of the records.
        records: the videos.
        device: where the encoder is.
        samples: of each video, at most; the same ones as in every evaluation of single frames.
        batch_size: samples at once.
        workers: loader processes.
        check: called after each batch; may raise to stop.
    """
    size = int(encoder.image_size)  # type: ignore[arg-type]
    data = ClipSamples(records, store, ("face",), image_size=size, samples_per_video=samples)
    parts: list[Floats] = []
    for batch in DataLoader(data, batch_size=batch_size, num_workers=workers):
        maps = encoder(batch["views"]["face"].to(device))
        parts.append(maps.flatten(2).mean(dim=2).double().cpu().numpy())
        if check is not None:
            check()
    rows = np.concatenate(parts) if parts else np.zeros((0, 0))
    video = np.array([number for number, _ in data.samples], np.int64)
    return VideoFeatures(tuple(records), tuple(rows[video == i] for i in range(len(records))))


@dataclass(frozen=True, slots=True, eq=False)
class LinearProbe:
    """A fitted probe: ``margin = weight . (features - mean) / scale + offset``.

    Attributes:
        strength: the C that was chosen.
        losses: balanced log-loss on validation of each C that was tried, in nats; {} without validation videos.
    """

    mean: Floats
    scale: Floats
    weight: Floats
    offset: float
    strength: float
    losses: dict[float, float]

    def margins(self, features: Floats) -> Floats:
        """Log-odds of "fake", ``[N]``, of features ``[N, F]``."""
        found: Floats = (features - self.mean) / self.scale @ self.weight + self.offset
        return found

    def score(self, videos: VideoFeatures, store: ClipStore) -> list[ScoredVideo]:
        """What the probe says of encoded videos."""
        found = []
        for record, samples in zip(videos.records, videos.samples, strict=True):
            margins = self.margins(samples)
            about: dict[str, Any] = about_video(record, store.open(record.store_id))
            found.append(ScoredVideo(**about, margin=float(margins.mean()), sample_margins=tuple(margins.tolist())))
        return found


def fit_probe(train: VideoFeatures, val: VideoFeatures | None) -> LinearProbe:
    """Fit a probe on training videos; without validation videos of both classes C is 1.

    Raises:
        DataError: the training videos are not of both classes.
    """
    labels = train.labels
    if not ((labels == REAL).any() and (labels == FAKE).any()):
        raise DataError(
            f"a probe learns from videos of both classes; found {int((labels == REAL).sum())} real and "
            f"{int((labels == FAKE).sum())} fake training videos."
        )
    features = train.means
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    candidates = {}
    losses: dict[float, float] = {}
    measurable = val is not None and len(np.unique(val.labels)) == 2
    for strength in STRENGTHS if measurable else (1.0,):
        weight, offset = _fit((features - mean) / scale, labels, strength)
        candidates[strength] = LinearProbe(mean, scale, weight, offset, strength, losses)
        if val is not None and measurable:
            losses[strength] = balanced_log_loss(candidates[strength].margins(val.means), val.labels) or 0.0
    return candidates[min(losses, key=lambda strength: losses[strength]) if losses else 1.0]


def _fit(features: Floats, labels: NDArray[np.int64], strength: float) -> tuple[Floats, float]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)
    model.fit(features, labels)
    return model.coef_[0].astype(np.float64), float(model.intercept_[0])
