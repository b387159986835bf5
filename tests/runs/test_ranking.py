"""Whether the rule chooses epochs that are truly better, on scores whose true AUC is known."""

from __future__ import annotations

import math

import numpy as np

from dfcore.evaluation.summary import calibrated_loss
from dfcore.runs.ranking import best_epochs, rank_key

EPOCHS, RUNS = 6, 150


def true_auc(gap: float) -> float:
    """Of two normal distributions of deviation 1 that are ``gap`` apart."""
    return 0.5 * (1 + math.erf(gap / 2))


def epochs(rng: np.random.Generator, videos: int) -> tuple[list[dict[str, object]], list[float]]:
    """A run's history as it would be seen on ``videos`` of each class, and each epoch's true AUC.

    From epoch to epoch the classes come apart, with ups and downs, while the scores grow more and more certain; the
    same videos are hard in every epoch.
    """
    gaps = np.maximum(np.sort(rng.uniform(0.3, 2.2, EPOCHS)) + rng.normal(0, 0.35, EPOCHS), 0.05)
    certainty = np.geomspace(0.6, rng.uniform(1, 6), EPOCHS)
    label, hard = np.arange(2 * videos) % 2, rng.normal(size=2 * videos)
    history = []
    for number, (gap, scale) in enumerate(zip(gaps, certainty, strict=True), 1):
        noise = math.sqrt(0.8) * hard + math.sqrt(0.2) * rng.normal(size=2 * videos)
        odds = scale * gap * (noise + gap * (label - 0.5)) + rng.normal(0, 0.8)
        fake, margin = 1 / (1 + np.exp(-odds)), np.where(label == 1, odds, -odds)
        area = float((odds[label == 1] > odds[label == 0][:, None]).mean())  # sklearn's is slow on so few
        val = {"video_auc": area, "frame_auc": area, "loss": float(np.logaddexp(0, -margin).mean())}
        history.append({"epoch": number, "val": {**val, "calibrated_loss": calibrated_loss(label, fake)}})
    return history, [true_auc(gap) for gap in gaps]


def losses_by_rule(videos: int) -> dict[str, float]:
    """Mean true AUC that each rule gives away against the truly best epoch."""
    rng = np.random.default_rng(0)
    lost: dict[str, list[float]] = {"ours": [], "auc": [], "loss": []}
    for _ in range(RUNS):
        history, truth = epochs(rng, videos)
        chosen = {
            "ours": best_epochs(history, 1)[0],
            "auc": max(history, key=lambda line: line["val"]["video_auc"])["epoch"],
            "loss": min(history, key=lambda line: line["val"]["loss"])["epoch"],
        }
        for rule, epoch in chosen.items():
            lost[rule].append(max(truth) - truth[epoch - 1])
    return {rule: float(np.mean(values)) for rule, values in lost.items()}


def test_with_few_videos_far_better_epochs_are_chosen_than_by_auc() -> None:
    lost = losses_by_rule(3)
    assert lost["ours"] < 0.5 * lost["auc"]
    assert lost["ours"] < lost["loss"]


def test_with_a_few_dozen_too_and_better_ones_than_by_the_plain_loss() -> None:
    lost = losses_by_rule(12)
    assert lost["ours"] <= lost["auc"]
    assert lost["ours"] < 0.5 * lost["loss"]


def test_with_one_video_a_class_there_is_a_choice() -> None:
    history, _ = epochs(np.random.default_rng(1), 1)
    assert len(best_epochs(history, EPOCHS)) == EPOCHS


def line(epoch: int, **val: float | None) -> dict[str, object]:
    return {"epoch": epoch, "val": val}


def test_of_equal_losses_the_auc_per_video_then_per_frame_then_the_loss_then_the_earliest_decides() -> None:
    equal = {"calibrated_loss": 0.5, "video_auc": 0.8, "frame_auc": 0.7, "loss": 0.6}
    history = [
        line(1, **equal),
        line(2, **equal | {"loss": 0.5}),
        line(3, **equal | {"frame_auc": 0.75, "loss": 9.0}),
        line(4, **equal | {"video_auc": 0.81, "frame_auc": 0.1}),
        line(5, **equal | {"calibrated_loss": 0.49, "video_auc": 0.1}),
        line(6, **equal),
        line(7, **equal | {"calibrated_loss": 0.51, "video_auc": 1.0}),
    ]
    assert best_epochs(history, 9) == [5, 4, 3, 2, 1, 6, 7]
    assert best_epochs(history, 2) == [5, 4]
    assert best_epochs([], 2) == []


def test_what_is_undefined_counts_as_lowest_and_an_unknown_loss_for_no_epoch() -> None:
    one, two = {"calibrated_loss": None, "video_auc": 0.9}, {"calibrated_loss": 0.6, "video_auc": 0.0}
    assert best_epochs([line(1, **one), line(2, **two)], 2) == [2, 1]
    none = {"calibrated_loss": None, "video_auc": None, "frame_auc": None, "loss": 0.7}
    assert best_epochs([line(1, **none), line(2, **none | {"loss": 0.3}), line(3, **none | {"frame_auc": 0.0})], 3) == [
        3, 2, 1,
    ]  # fmt: skip
    # An epoch of an earlier version has no calibrated loss: then it decides between none of them.
    old = {"video_auc": 0.7, "frame_auc": 0.5, "loss": 1.0}
    assert best_epochs([line(1, **old), line(2, **two)], 2) == [1, 2]


def test_without_validation_the_last_epoch_is_the_best() -> None:
    assert best_epochs([line(1), line(2), line(3)], 2) == [3, 2]
    assert rank_key({}) == (-math.inf, -1.0, -1.0, -math.inf)
    assert rank_key({"calibrated_loss": 0.25, "video_auc": 0.5, "frame_auc": 0.75, "loss": 2}) == (-0.25, 0.5, 0.75, -2)
