"""Whether the seconds that an explanation names are the forged ones.

    python benchmarks/spliced_spans.py --pairs FACEFORENSICS --models runs/cm_stage1 [--every 0.5] [--frames 240]

Makes spliced videos (:mod:`dfcore.testing.splices`): a stretch of each fake in its original, and each original. Each
specialist judges clips all along them, as ``dfcore predict --explain`` does, and its spans are compared with the truth:

* ``AP``: average precision of the spans at a temporal IoU of 0.5, spans by their mean margin, genuine videos included;
  ``shuffled`` is the mean of 20 shuffles of each video's moments, with the same threshold: what calling as many moments
  forged gives by chance;
* ``apart``: AP where in each video the one stretch is called forged that stands apart most from the rest of it, ranked
  by how far (Student's t): no threshold, and no promise; it shows what the moments hold;
* ``best``: AP of a specialist that never errs, at these clips: what their distance leaves to be found;
* ``moments``: AUC of the moments of one video, forged against genuine, mean over the spliced videos. It needs no
  threshold; 0.5 is chance;
* ``all``: AUC of the moments of all videos together, which one threshold for all must tell apart.

Splicing encodes the genuine and the forged stretch once more, alike, and may take the trace away that the specialist
looks for. ``--lossless`` keeps it: then the clips score as those of the fakes and originals themselves.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dfcore.evaluation.metrics.localisation import FoundSpan, span_average_precision
from dfcore.inference.course import extract_course
from dfcore.inference.explain.course import Timeline, clip_value, spans_of, threshold_of
from dfcore.inference.explanation import Moment
from dfcore.inference.models import Member
from dfcore.inference.predict import Predictor, open_predictor
from dfcore.testing.splices import Splice, make_splices

SHUFFLES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, required=True, help="A folder in FaceForensics++'s layout.")
    parser.add_argument("--models", type=Path, nargs="+", required=True, help="Runs' folders, or files of weights.")
    parser.add_argument("--every", type=float, default=0.5, help="Seconds from one clip to the next.")
    parser.add_argument("--frames", type=int, default=240, help="Frames of each spliced video.")
    parser.add_argument("--crf", type=float, default=23, help="x264's rate factor of the spliced videos.")
    parser.add_argument("--lossless", action="store_true", help="Encode the spliced videos without loss.")
    parser.add_argument("--seed", type=int, default=0, help="Of the stretches and shuffles.")
    parser.add_argument("--out", type=Path, help="Keep the spliced videos in this folder.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = given.out or Path(folder)
        crf = None if given.lossless else given.crf
        splices = make_splices(given.pairs, out, frames=given.frames, crf=crf, seed=given.seed)
        predictor, _ = open_predictor([out / one.file for one in splices], given.models, isolate=False)
        margins = {one.file: margins_along(predictor, out / one.file, given.every) for one in splices}
    for member in predictor.roster.members:
        moments = {file: found[member.label] for file, found in margins.items()}
        print(report(member, splices, moments, given.seed), flush=True)


def margins_along(predictor: Predictor, path: Path, every: float) -> dict[str, tuple[Moment, ...]]:
    """Each specialist's margins of the most prominent person through a video."""
    timelines: dict[str, Timeline] = {}
    for part in extract_course(path, predictor.jobs, every):
        if part.reason:
            print(f"{path.name}: {part.reason}")
        for member in predictor.roster.members:
            clips = part.jobs[predictor.job_of[member.label]].clips if part.jobs else ()
            for clip in clips:
                if clip.header.track == 0:
                    source = clip.source
                    line = timelines.setdefault(
                        member.label, Timeline(source.frame_count, source.fps, every, member.plan.frames)
                    )
                    line.add(clip, clip_value(member, clip, predictor.device))
    return {m.label: timelines[m.label].moments() if m.label in timelines else () for m in predictor.roster.members}


def report(member: Member, splices: Sequence[Splice], moments: Mapping[str, Sequence[Moment]], seed: int) -> str:
    """The figures of one specialist, and what it makes of each manipulation."""
    threshold, words = threshold_of(member, None)
    truth = {one.file: list(one.spans) for one in splices}
    rng = np.random.default_rng(seed)
    lines = [f"{member.label}: threshold {threshold if threshold is None else round(threshold, 3)} ({words})"]
    for kind in ("all", *sorted({one.manipulation for one in splices if one.spans})):
        taken = [one for one in splices if kind in ("all", one.manipulation) or not one.spans]
        spliced = [one for one in taken if one.spans]
        own = {one.file: truth[one.file] for one in taken}
        found = average_precision(own, {file: moments[file] for file in own}, threshold)
        shuffled = [
            average_precision(own, {file: shuffle(moments[file], rng) for file in own}, threshold)
            for _ in range(SHUFFLES)
        ]
        best = average_precision(own, {file: knowing(moments[file], own[file]) for file in own}, 0.0)
        apart = span_average_precision([one for file in own for one in standing_apart(file, moments[file])], own)
        areas = [area for one in spliced if (area := moment_auc(moments[one.file], one.spans)) is not None]
        called = sum(bool(spans_of(moments[one.file], threshold)) for one in spliced)
        false = sum(bool(spans_of(moments[one.file], threshold)) for one in taken if not one.spans)
        genuine, mean_area = len(taken) - len(spliced), np.mean(areas) if areas else np.nan
        pooled = pooled_auc(own, moments)
        lines.append(
            f"  {kind:<16}{len(spliced):>3} spliced ({called} with spans), {genuine} genuine ({false})  "
            f"AP {found:.3f}  shuffled {np.mean(shuffled):.3f}  apart {apart:.3f}  best {best:.3f}  "
            f"moments {mean_area:.3f}  all {np.nan if pooled is None else pooled:.3f}"
        )
    return "\n".join(lines)


def average_precision(
    truth: Mapping[str, Sequence[tuple[float, float]]],
    moments: Mapping[str, Sequence[Moment]],
    threshold: float | None,
) -> float:
    found = [
        FoundSpan(file, span.start, span.end, span.margin)
        for file, own in moments.items()
        for span in spans_of(own, threshold)
    ]
    return span_average_precision(found, truth)


def shuffle(moments: Sequence[Moment], rng: np.random.Generator) -> list[Moment]:
    """The same margins at other times of the video."""
    margins = [moments[i].margin for i in rng.permutation(len(moments))]
    return [replace(moment, margin=margin) for moment, margin in zip(moments, margins, strict=True)]


def knowing(moments: Sequence[Moment], spans: Sequence[tuple[float, float]]) -> list[Moment]:
    """The same moments as one who knows the truth judges them: those of which half is forged."""
    return [replace(one, margin=forged_share(one, spans) - 0.5) for one in moments if one.margin is not None]


def standing_apart(file: str, moments: Sequence[Moment]) -> list[FoundSpan]:
    """The stretch whose mean margin lies furthest above that of the rest of its video, in standard errors."""
    judged = [(one, one.margin) for one in moments if one.margin is not None]
    margins = np.array([margin for _, margin in judged])
    found: list[FoundSpan] = []
    for start in range(len(margins)):
        for end in range(start + 2, len(margins) + 1):
            inside, rest = margins[start:end], np.concatenate([margins[:start], margins[end:]])
            if len(rest) < 2:
                continue
            squares = np.square(inside - inside.mean()).sum() + np.square(rest - rest.mean()).sum()
            error = np.sqrt(squares / (len(margins) - 2) * (1 / len(inside) + 1 / len(rest))) + 1e-9
            t = float((inside.mean() - rest.mean()) / error)
            found.append(FoundSpan(file, judged[start][0].start, judged[end - 1][0].end, t))
    best = max(found, key=lambda one: one.score, default=None)
    return [] if best is None or best.score <= 0 else [best]


def forged_share(moment: Moment, spans: Sequence[tuple[float, float]]) -> float:
    forged = sum(max(0.0, min(moment.end, end) - max(moment.start, start)) for start, end in spans)
    return forged / max(moment.end - moment.start, 1e-9)


def moment_auc(moments: Sequence[Moment], spans: Sequence[tuple[float, float]]) -> float | None:
    """How often a forged moment of a video has a higher margin than a genuine one; None where it has only one kind.

    A moment belongs to where its middle lies.
    """
    return pooled_auc({"": spans}, {"": moments})


def pooled_auc(
    truth: Mapping[str, Sequence[tuple[float, float]]], moments: Mapping[str, Sequence[Moment]]
) -> float | None:
    """Likewise of the moments of several videos together."""
    inside: list[float] = []
    outside: list[float] = []
    for file, spans in truth.items():
        for moment in moments[file]:
            if moment.margin is not None:
                middle = (moment.start + moment.end) / 2
                kind = inside if any(start <= middle < end for start, end in spans) else outside
                kind.append(moment.margin)
    if not inside or not outside:
        return None
    one, other = np.array(inside)[:, None], np.array(outside)[None]
    return float(((one > other) + 0.5 * (one == other)).mean())


if __name__ == "__main__":
    main()
