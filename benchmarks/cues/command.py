"""The command line, and the order of things."""

from __future__ import annotations

import argparse
import hashlib
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from tqdm import tqdm

from dfcore.data.prepare.footage import LEAD
from dfcore.errors import DfcoreError
from dfcore.plugins import registry
from dfcore.specs import SpecialistSpec
from dfcore.testing.demo.codec import FPS

from .features import FeatureJob, Reader, extract, way
from .guard import guard
from .heads import ARMS, Budget
from .measures import difference, estimate
from .pairs import STRETCHES, Condition, Pair, PairJob, conditions, make_pairs, sources
from .people import Person, demo_people, folder_people, pool
from .real.run import run_real
from .report import show, write
from .samples import Samples, gather
from .trials import people_folds, try_specialist

__all__ = ["main", "run"]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/cues", description=__doc__)
    add = parser.add_argument
    add("--footage", type=Path, help="a folder of real videos, or a list like --real-fakes; default: rendered people")
    add("--real-fakes", type=Path, help="a CSV or a folder of real fakes and genuine videos: see cues/real/listing.py")
    add("--codecs", action="store_true", help="with --real-fakes: genuine videos in other codecs too")
    add("--specialists", default="", help="comma-separated; default: every one that ships a pseudo-fake")
    add("--kinds", default="", help="comma-separated: only these kinds, or conditions ('23→23', 'x2 crf 23')")
    add("--without", default="", help="comma-separated: second videos of somebody (a_b for a/b.mp4)")
    add("--people", type=int, default=0, help="how many (default 24 rendered, or all in the folder)")
    add("--seeds", type=int, default=3, help="how many, each with folds and initial weights of its own")
    add("--folds", type=int, default=3)
    add("--draws", type=int, default=0, help="damages of each kind for every person (default: about 6 pairs in all)")
    add("--windows", type=int, default=2, help="clips cut from each file")
    add("--frames", type=int, default=48, help="of each file, or more where a specialist needs them")
    add("--steps", type=int, default=100, help="of training, of 32 samples each")
    add("--backbone", default="tf_efficientnet_lite0")
    add("--image-size", type=int, default=224)
    add("--arms", default=",".join(ARMS), help="what is trained")
    add("--no-matrix", action="store_true", help="do not try the specialists on each other's forgeries")
    add("--quick", action="store_true", help="8 people, 1 seed, fewer draws; cue head alone; no matrix; crf 23")
    add("--out", type=Path, default=Path("runs/cue-bench"), help="pairs and features are kept here")
    add("--workers", type=int, default=2)
    args = parser.parse_args(arguments)
    if args.quick:
        args.people, args.seeds = args.people or 8, 1
        args.arms, args.no_matrix = "cue", True
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; 0 when it came to its end."""
    console = Console()
    if not console.is_terminal:
        console.width = 150
    args = parse(arguments)
    try:
        if args.real_fakes:
            run_real(args, console)
        else:
            show(run(args, console), console)
    except DfcoreError as error:
        console.print(f"[red]error:[/red] {error}", highlight=False)
        return 1
    return 0


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Everything, in order; the results as they are written to ``results.json``."""
    warnings.filterwarnings("ignore", message=".*lr_scheduler.*")
    torch.set_num_threads(max(1, args.workers))
    start = time.monotonic()
    specs, notes = _specialists(args)
    args.out.mkdir(parents=True, exist_ok=True)
    people = _people(args)
    plan = {spec.name: _conditions(spec, args) for spec in specs}
    pairs, failed = _pairs(args, specs, people, plan)
    notes += [f"not made: {text}" for text in failed]
    places = _features(args, specs, pairs)
    names = [person.name for person in people]
    voices = any(spec.speech for spec in specs)
    folds = [people_folds(people, args.folds, seed, couples=voices) for seed in range(args.seeds)]
    results: dict[str, Any] = {
        "settings": {name: str(value) for name, value in sorted(vars(args).items())},
        "people": names,
        "specialists": {spec.name: {"kept": _way(spec)} for spec in specs},
        "conditions": [],
        "matrix": {spec.name: {} for spec in specs},
        "notes": notes,
    }
    arms = [arm for arm in ARMS if arm in args.arms.split(",")]
    total = len(specs) * len(folds) * args.folds * len(arms)
    with tqdm(total=total, desc="training", unit="model", disable=None) as bar:
        for spec in specs:
            own = gather(pairs[spec.name], places[spec.name], names)
            _note_dropped(spec, spec, own, notes)
            if not len(own):
                continue
            others = {} if args.no_matrix else _others(spec, pairs, places, names, notes, specs)
            scores, foreign = try_specialist(
                spec, own, others, names, folds, Budget(args.steps), arms=arms, tick=bar.update
            )
            results["conditions"] += _measured(spec, own, scores, pairs[spec.name], names, folds)
            results["matrix"][spec.name] = _row(spec, own, scores, others, foreign)
            results["seconds"] = round(time.monotonic() - start)
            write(results, args.out)
    return results


# -- what is there ---------------------------------------------------------------------------------------------------


def _specialists(args: argparse.Namespace) -> tuple[list[SpecialistSpec], list[str]]:
    found = registry()
    asked = [name for name in args.specialists.split(",") if name]
    specs = [found.specialist(name) for name in asked or found.specialist_names()]
    notes = []
    usable = []
    for spec in specs:
        if spec.trainable and spec.pseudo_fake:
            usable.append(spec)
        else:
            what = "pseudo-fake" if spec.trainable else "cue module"
            notes.append(f"{spec.name}: left out, it ships no {what}")
    return usable, notes


def _stretch(args: argparse.Namespace, spec: SpecialistSpec) -> int:
    """Frames of each file: for speech, a quarter more than what is read of it."""
    return max(args.frames, spec.clip_frames, _spoken(spec))


def _spoken(spec: SpecialistSpec) -> int:
    return round(1.25 * FPS * spec.speech)


def _windows(args: argparse.Namespace, spec: SpecialistSpec) -> int:
    """Clips of each file; as many as there is speech for, where each needs speech about it."""
    return _stretch(args, spec) // _spoken(spec) if spec.speech else args.windows


def _people(args: argparse.Namespace) -> list[Person]:
    if args.footage:
        return folder_people(args.footage, args.people or None, [name for name in args.without.split(",") if name])
    # Always what the most demanding specialist reads: then a specialist sees the same people, and its figures are the
    # same, whichever others are tried beside it.
    longest = max(_stretch(args, spec) for spec in map(registry().specialist, registry().specialist_names()))
    frames = STRETCHES * longest + round(2 * LEAD * FPS)  # the lead, so that a shifted voice comes from somewhere
    return demo_people(args.out / "people", args.people or 24, frames=frames, workers=args.workers)


def _conditions(spec: SpecialistSpec, args: argparse.Namespace) -> tuple[Condition, ...]:
    wanted = [kind for kind in args.kinds.split(",") if kind]
    found = conditions(spec, wanted)
    return tuple(c for c in found if c.in_matrix) if args.quick else tuple(found)


def _draws(args: argparse.Namespace, found: Sequence[Condition]) -> int:
    """Enough for a specialist of few conditions to have as much to learn from as one of many."""
    wanted = 4 if args.quick else 6
    return args.draws or -(-wanted // max(1, len(found)))


def _way(spec: SpecialistSpec) -> str:
    from dfcore.specs import resolve

    return way(resolve(spec.module)())


# -- pairs and features ----------------------------------------------------------------------------------------------


def _pairs(
    args: argparse.Namespace,
    specs: Sequence[SpecialistSpec],
    people: Sequence[Person],
    plan: Mapping[str, tuple[Condition, ...]],
) -> tuple[dict[str, list[Pair]], list[str]]:
    jobs = []
    for spec in specs:
        draws = _draws(args, plan[spec.name])
        stretch = _stretch(args, spec)
        mark = _mark(sources(spec.pseudo_fake), stretch, str(args.footage or people[0].path.name))
        folder = args.out / "pairs" / f"{spec.name}-{mark}"
        jobs += [PairJob(person, spec, plan[spec.name], draws, stretch, 0, folder) for person in people]
    found: dict[str, list[Pair]] = {spec.name: [] for spec in specs}
    failed: list[str] = []
    for made, reasons in tqdm(pool(make_pairs, jobs, args.workers), "pairs", len(jobs), unit="person", disable=None):
        for pair in made:
            found[pair.condition.specialist].append(pair)
        failed += reasons
    order = {person.name: number for number, person in enumerate(people)}
    for name, pairs in found.items():
        place = {condition: number for number, condition in enumerate(plan[name])}
        pairs.sort(key=lambda pair: (place[pair.condition], order[pair.person], pair.draw))
    return found, sorted(failed)


def _features(
    args: argparse.Namespace, specs: Sequence[SpecialistSpec], pairs: Mapping[str, Sequence[Pair]]
) -> dict[str, dict[Path, Path]]:
    """Where each reader's features of each video lie, made where they are not there yet."""
    places: dict[str, dict[Path, Path]] = {}
    readers: dict[tuple[Path, int, float], dict[str, Reader]] = {}
    for spec in specs:
        places[spec.name] = {}
        mark = _mark(sources(spec.module), *(sources(e.extractor) for e in spec.evidence), spec, _windows(args, spec))
        for owner, held in pairs.items():
            own = owner == spec.name
            backbone = args.backbone if own and args.arms != "cue" else ""
            folder = args.out / "features" / f"{spec.name}-{mark}" / (backbone or "alone")
            for path in _read(held, args, own=own):
                place = folder / path.relative_to(args.out / "pairs").with_suffix(".pt")
                places[spec.name][path] = place
                if not place.exists():
                    key = (path, spec.clip_frames, spec.speech)
                    readers.setdefault(key, {})[spec.name] = Reader(spec, place, backbone)
    jobs = []
    for (path, _, _), found in readers.items():
        windows = max(_windows(args, reader.spec) for reader in found.values())
        jobs.append(FeatureJob(path, tuple(found.values()), windows, args.image_size))
    with tqdm(total=len(jobs), desc="features", unit="video", disable=None if jobs else True) as bar:
        for _ in pool(extract, jobs, args.workers):
            bar.update()
    return places


def _read(pairs: Sequence[Pair], args: argparse.Namespace, *, own: bool) -> list[Path]:
    """The files that a specialist reads: all of its own, and of each other's conditions at crf 23 the first draw."""
    chosen = [pair for pair in pairs if own or (not args.no_matrix and _foreign(pair))]
    return list(dict.fromkeys(path for pair in chosen for path in (pair.control, pair.fake)))


def _foreign(pair: Pair) -> bool:
    return pair.condition.in_matrix and pair.draw == 0


def _mark(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:10]


def _others(
    spec: SpecialistSpec,
    pairs: Mapping[str, Sequence[Pair]],
    places: Mapping[str, Mapping[Path, Path]],
    names: Sequence[str],
    notes: list[str],
    specs: Sequence[SpecialistSpec],
) -> dict[str, Samples]:
    found = {}
    for other in specs:
        chosen = [pair for pair in pairs[other.name] if _foreign(pair)]
        if other.name != spec.name and chosen:
            samples = gather(chosen, places[spec.name], names)
            _note_dropped(spec, other, samples, notes)
            if len(samples):
                found[other.name] = samples
    return found


def _note_dropped(spec: SpecialistSpec, other: SpecialistSpec, samples: Samples, notes: list[str]) -> None:
    for why, count in sorted(samples.dropped.items()):
        notes.append(f"{spec.name} on {other.name}'s: {count} pairs not judged: {why}")


# -- figures ---------------------------------------------------------------------------------------------------------


def _measured(
    spec: SpecialistSpec,
    own: Samples,
    scores: Mapping[str, np.ndarray],
    pairs: Sequence[Pair],
    names: Sequence[str],
    folds: Sequence[dict[str, int]],
) -> list[dict[str, Any]]:
    rows = []
    for number, condition in enumerate(own.conditions):
        here = own.condition == number
        label, person = own.label[here], own.person[here]
        found = {arm: estimate(values[:, here], label, person) for arm, values in scores.items()}
        video = {arm: _per_video(values[:, here], label, person, own.pair[here]) for arm, values in scores.items()}
        chosen = [pair for pair in pairs if pair.condition == condition]
        checked = guard(chosen, names, folds)
        row: dict[str, Any] = {
            **asdict(condition),
            "pairs": len(chosen),
            "samples": int(here.sum()),
            "people": len(np.unique(person)),
            "auc": {arm: value.to_json() for arm, value in found.items()},
            "video_auc": {arm: value.to_json() for arm, value in video.items()},
            "guard": {
                "auc": checked.auc.to_json(),
                "alarm": checked.alarm,
                "fake_smaller": round(checked.smaller, 3),
                "size_ratio": round(checked.change, 4),
            },
        }
        if {"cue", "backbone"} <= found.keys():
            row["gain"] = difference(found["cue"], found["backbone"]).to_json()
        rows.append(row)
    return rows


def _per_video(values: np.ndarray, label: np.ndarray, person: np.ndarray, pair: np.ndarray) -> Any:
    """The same from the mean margin of each video's clips."""
    video = 2 * pair + label
    _, first, inverse, count = np.unique(video, return_index=True, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(inverse, row) / count for row in values])
    return estimate(means, label[first], person[first])


def _row(
    spec: SpecialistSpec,
    own: Samples,
    scores: Mapping[str, np.ndarray],
    others: Mapping[str, Samples],
    foreign: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    if "cue" not in scores:
        return {}
    here = np.array([own.conditions[c].in_matrix for c in own.condition])
    row = {}
    if here.any():
        row[spec.name] = estimate(scores["cue"][:, here], own.label[here], own.person[here]).to_json()
    for name, samples in others.items():
        values = foreign[name]
        told = np.isfinite(values).all(0)
        if told.any():
            row[name] = estimate(values[:, told], samples.label[told], samples.person[told]).to_json()
    return row
