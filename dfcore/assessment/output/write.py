"""An evaluation's files: the report as JSON, every video's scores as CSV, plots."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dfcore.assessment.result import Evaluation
from dfcore.assessment.scores.scoring import ScoredDetector
from dfcore.data.records import LABEL_NAMES
from dfcore.evaluation.metrics.intervals import Interval
from dfcore.evaluation.scored import ScoredVideo
from dfcore.evaluation.verdicts.rules import VerdictRules, class_key
from dfcore.runs.folder import write_bytes
from dfcore.text import described, to_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLUMNS", "scores_table", "verdict_shares", "write_evaluation"]

COLUMNS = (
    "detector", "video", "label", "split", "group", "manipulation", "compression", "codec", "width", "height", "fps",
    "duration", "bit_rate", "face_size", "margin", "score", "called", "verdict", "log_likelihood_ratio", "cue_margin",
    "control_margin", "control_cue_margin", "samples", "abstain_reason", "path",
)  # fmt: skip
"""Of ``scores.csv``."""


def write_evaluation(
    folder: Path,
    report: dict[str, Any],
    scored: Sequence[ScoredDetector],
    *,
    plots: bool = True,
    warn: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Write the report and return it.

    Args:
        folder: where to.
        report: the content of ``evaluation.json``.
        scored: the scores, in the order of the report's detectors.
        plots: draw the curves too.
        warn: called with a sentence for what cannot be drawn, which ends nothing.

    Raises:
        WriteError: a file cannot be written; what was there is as it was.
    """
    write_bytes(folder / "evaluation.json", (to_json(report, indent=1) + "\n").encode())
    names = [one["name"] for one in report["detectors"]]
    write_bytes(
        folder / "scores.csv", scores_table(dict(zip(names, scored, strict=True))).encode("utf-8", "surrogateescape")
    )
    drawn = _draw(folder, report, dict(zip(names, scored, strict=True)), warn) if plots else ()
    videos = {name: tuple(one.videos) for name, one in zip(names, scored, strict=True)}
    return Evaluation(folder, report, videos, tuple(drawn))


def scores_table(scored: Mapping[str, ScoredDetector]) -> str:
    """Every video's scores by every detector, as CSV; empty cells where something is not known."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for name, one in scored.items():
        for video in one.videos:
            row = {**video.to_dict(), **_judged(video, one), "detector": name, "video": video.id}
            row |= {"label": LABEL_NAMES[video.label], "group": " ".join(video.group), "score": video.score}
            row["samples"] = len(video.sample_margins)
            table.writerow(["" if row.get(column) is None else row[column] for column in COLUMNS])
    return text.getvalue()


def _judged(video: ScoredVideo, scored: ScoredDetector) -> dict[str, Any]:
    """What is decided of a video: by threshold, by the conformal rule, and its likelihood ratio."""
    if video.margin is None:
        return {}
    decisions = scored.decisions
    found: dict[str, Any] = {"called": "fake" if video.margin >= decisions.threshold.margin else "real"}
    if decisions.rules is not None:
        judged = decisions.rules.judge(video.margin, class_key(video.compression, video.codec))
        found |= {"verdict": judged.verdict, "log_likelihood_ratio": judged.log_likelihood_ratio}
    return found


def verdict_shares(videos: Sequence[ScoredVideo], rules: VerdictRules | None) -> dict[str, dict[str, int]] | None:
    """How many real and fake videos got which verdict; None where nothing was validated."""
    if rules is None:
        return None
    counts = {name: dict.fromkeys(("fake", "real", "uncertain", "none"), 0) for name in LABEL_NAMES}
    for video in videos:
        judged = None if video.margin is None else rules.judge(video.margin, class_key(video.compression, video.codec))
        counts[LABEL_NAMES[video.label]][judged.verdict if judged else "none"] += 1
    return counts


def _draw(
    folder: Path, report: Mapping[str, Any], scored: Mapping[str, ScoredDetector], warn: Callable[[str], None]
) -> list[Path]:
    """The plots' files. matplotlib is imported here, for what is wrong with it must not cost the report: it may be
    damaged, or told of a backend of another environment (a notebook's ``MPLBACKEND``).
    """
    drawn = []
    try:
        from dfcore.evaluation.plots.evaluation import save_figure

        plots = list(_plots(report, scored))
    except Exception as error:
        warn(f"no plot can be drawn ({described(error)}). The report and the scores are complete.")
        return []
    for name, draw in plots:
        try:
            drawn.append(save_figure(draw(), folder / f"{name}.png"))
        except Exception as error:
            warn(f"{name}.png cannot be drawn ({described(error)}). The report and the scores are complete.")
    return drawn


def _plots(
    report: Mapping[str, Any], scored: Mapping[str, ScoredDetector]
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Each plot's name, and what draws it."""
    from dfcore.evaluation.plots import evaluation as plots

    title = f"{report['title']}, {report['split']}"
    scores = {name: _scores(one.videos) for name, one in scored.items()}
    auc = {one["name"]: Interval(**one["video"]["auc"]) for one in report["detectors"]}
    yield "roc", partial(plots.roc_plot, scores, title, auc)
    yield "precision_recall", partial(plots.precision_recall_plot, scores, title)
    calibrated = {
        f"{name}, calibrated": (label, one.decisions.ratios(margin))
        for name, one in scored.items()
        if one.decisions.ratios is not None
        for label, margin in (scores[name],)
    }
    yield "reliability", partial(plots.reliability_plot, {**scores, **calibrated}, title)
    for one in report["detectors"]:
        name, threshold = one["name"], one["threshold"]
        lines, file = {threshold["name"]: threshold["margin"]}, re.sub(r"[^\w.+-]+", "_", name).strip("_")
        yield f"scores_{file}", partial(plots.histogram_plot, *scores[name], f"{name}: {title}", lines)
        by_method = {method: Interval(**part["auc"]) for method, part in one["by"]["manipulation"].items()}
        if by_method:
            floor = Interval(**one["leak_floor"]["auc"])
            yield f"manipulations_{file}", partial(plots.auc_bars_plot, by_method, f"{name}: {title}", floor)


def _scores(videos: Sequence[ScoredVideo]) -> tuple[list[int], np.ndarray]:
    judged = [video for video in videos if video.margin is not None]
    return [video.label for video in judged], np.array([video.margin for video in judged], np.float64)
