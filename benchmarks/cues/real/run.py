"""Folds over people, arms and seeds; the order of things."""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from dfcore.data.composite.kinds import COMPOSITES, kind_shares
from dfcore.data.media import probe
from dfcore.data.media.coding.codecs import CODECS
from dfcore.errors import UsageError
from dfcore.plugins import registry
from dfcore.specs import MAP_SIZE, SpecialistSpec, resolve

from ..heads import Budget, cell_parts, predict, train
from ..people import folder_people, pool
from ..samples import Samples
from .clips import PROBE, Job, Kept, background_only, look, mark, needs
from .figures import standardised
from .listing import Video, grouped, read_genuine, read_listing
from .maps import draw_pairs
from .report import codec_rows, results, show_real, write_real
from .training import Recipe, recipes

__all__ = ["run_real"]

Floats = NDArray[np.float64]
TOGETHER = "together"
LEAK = "file facts"


@dataclass(slots=True)
class Plan:
    """What is measured on what.

    Attributes:
        specs: the specialists.
        tests: the videos whose margins are reported.
        trains: genuine videos that pseudo-fakes are made of; those of the tests among them.
        kinds: of each specialist's pseudo-fakes, in groups that each give as many.
        codecs: what each genuine test is written with once more, beside.
        own: where each specialist's features of each test lie, by its path and the codec, "" for its own.
        fakes: where those of the pseudo-fakes of each training video lie.
    """

    specs: list[SpecialistSpec]
    tests: list[Video]
    trains: list[Video]
    kinds: dict[str, tuple[tuple[str, ...], ...]]
    codecs: tuple[str, ...] = ()
    own: dict[str, dict[tuple[Path, str], Path]] = field(default_factory=dict)
    fakes: dict[str, dict[Path, list[Path]]] = field(default_factory=dict)

    @property
    def rows(self) -> list[tuple[Video, str]]:
        """What margins are of: the tests, then the genuine ones in each further codec."""
        return [(test, "") for test in self.tests] + [
            (test, codec) for codec in self.codecs for test in self.tests if test.label == 0
        ]


def run_real(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    """The bench on real fakes; results as they are written to ``real-fakes.json``."""
    torch.set_num_threads(max(1, args.workers))
    start = time.monotonic()
    plan = _plan(args)
    _look(plan, args, console)
    margins, parts = _margins(plan, args)
    count = len(plan.tests)
    found = results({arm: values[:, :count] for arm, values in margins.items()}, plan.tests)
    found["codecs"] = {
        spec.name: codec_rows(margins[spec.name], [codec for _, codec in plan.rows], plan.tests) for spec in plan.specs
    }
    found["settings"] = {name: str(value) for name, value in sorted(vars(args).items())}
    found["kinds"] = {name: [list(group) for group in groups] for name, groups in plan.kinds.items()}
    found["seconds"] = round(time.monotonic() - start)
    write_real(found, args.out)
    show_real(found, console)
    image = draw_pairs(plan.tests, parts, args.out / "real-fakes.png")
    if image is not None:
        console.print(f"a pair of each method, with the maps: {image}")
    return found


# -- what is there ---------------------------------------------------------------------------------------------------


def _plan(args: argparse.Namespace) -> Plan:
    known = registry()
    asked = [name for name in args.specialists.split(",") if name]
    specs = [known.specialist(name) for name in asked or known.specialist_names()]
    specs = [spec for spec in specs if spec.trainable and spec.pseudo_fake and not spec.speech]
    if not specs:
        raise UsageError("no specialist is left: those that hear are measured by speech/growth.py, not on real fakes.")
    tests = read_listing(args.real_fakes)
    trains = [video for video in tests if video.label == 0]
    if args.footage:
        trains += _more(args)
        trains = list({video.path.resolve(): video for video in reversed(trains)}.values())[::-1]
        trains = [video for video in grouped([*tests, *trains]) if video.label == 0]
        trains = list({video.path.resolve(): video for video in trains}.values())
    kinds = {spec.name: _groups(spec, args.kinds) for spec in specs}
    return Plan(specs, tests, trains, kinds, tuple(CODECS) if args.codecs else ())


def _more(args: argparse.Namespace) -> list[Video]:
    """Genuine videos to learn from beside the tests': those of a list, or of a folder, where each is another person."""
    if args.footage.is_file():
        return read_genuine(args.footage)
    without = [name for name in args.without.split(",") if name]
    return [Video(p.path, 0, (p.name,)) for p in folder_people(args.footage, args.people or None, without)]


def _groups(spec: SpecialistSpec, asked: str) -> tuple[tuple[str, ...], ...]:
    """Groups of kinds, of each of which every genuine video gives as many pairs: the specialist's own and the shared
    ones, as far as training makes them, or those of ``--kinds``, where a semicolon ends a group.
    """
    maker = resolve(spec.pseudo_fake)()
    there = tuple(maker.kinds)
    made = [kind for kind, share in kind_shares(maker).items() if share]
    own, shared = ([kind for kind in made if (kind in COMPOSITES) == both] for both in (False, True))
    groups = [part.split(",") for part in asked.split(";")] if asked else [own, shared]
    kept = tuple(tuple(kind for kind in group if kind in there) for group in groups)
    if not any(kept):
        raise UsageError(f"--kinds leaves {spec.name} without pseudo-fakes; it has {', '.join(there)}.")
    return tuple(group for group in kept if group)


def _look(plan: Plan, args: argparse.Namespace, console: Console) -> None:
    """Make the features that are not there yet."""
    root, jobs = args.out / "real", []
    names = [*(spec.name for spec in plan.specs), *([PROBE] if args.backbone else [])]
    marks = {spec.name: mark(spec) for spec in plan.specs} | {PROBE: args.backbone}
    plan.own = {name: {} for name in names}
    plan.fakes = {spec.name: {} for spec in plan.specs}
    tests = {video.path.resolve() for video in plan.tests}
    genuine = {video.path.resolve() for video in plan.tests if video.label == 0}
    for video in dict.fromkeys(video.path.resolve() for video in (*plan.tests, *plan.trains)):
        key = f"{video.stem}-{hashlib.sha256(str(video).encode()).hexdigest()[:8]}"
        places: dict[str, Path] = {}
        made: list[tuple[Recipe, Path]] = []
        if video in tests:
            for name in names:
                places[name] = root / f"{name}-{marks[name]}" / f"{key}-{args.windows}.pt"
                plan.own[name][video, ""] = places[name]
        if any(video == other.path.resolve() for other in plan.trains):
            for spec in plan.specs:
                for recipe in recipes(spec, key, plan.kinds[spec.name], args.draws or 2):
                    folder = root / f"{spec.name}-{marks[spec.name]}" / recipe.mark
                    place = folder / f"{key}-{args.windows}-{recipe.kind}-{recipe.draw}.pt"
                    made.append((recipe, place))
                    plan.fakes[spec.name].setdefault(video, []).append(place)
        again = []
        for codec in plan.codecs if video in genuine else ():
            for spec in plan.specs:
                place = root / f"{spec.name}-{marks[spec.name]}" / "again" / f"{key}-{args.windows}-{codec}.pt"
                plan.own[spec.name][video, codec] = place
                again.append((codec, spec.name, place))
        job = Job(video, tuple(plan.specs), places, tuple(again), tuple(made), args.windows, args.backbone)
        if needs(job):
            jobs.append(job)
    with tqdm(total=len(jobs), desc="features", unit="video", disable=None if jobs else True) as bar:
        for _ in pool(look, jobs, args.workers):
            bar.update()


# -- margins ---------------------------------------------------------------------------------------------------------


def _margins(plan: Plan, args: argparse.Namespace) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """By arm ``[S, V]``: each specialist, its background alone, all together, the encoder, the file's facts. And what
    each cell adds to the tests' margins, by specialist ``[V, 7, 7]``.
    """
    found: dict[str, Floats] = {}
    parts_of: dict[str, Floats] = {}
    groups = sorted({video.group for video in (*plan.tests, *plan.trains)})
    folds = []
    for seed in range(args.seeds):
        order = np.random.default_rng([seed, 0xFA]).permutation(len(groups))
        folds.append({group: int(order[i]) % args.folds for i, group in enumerate(groups)})
    for spec in plan.specs:
        gathered = _Gathered.of(plan, spec.name)
        found[spec.name], parts_of[spec.name] = _cue_margins(spec, gathered, plan, folds, args)
        background = gathered.background()
        found[f"{spec.name} background"], _ = _cue_margins(spec, background, plan, folds, args)
    for ending in ("", " background"):
        held = [found[f"{spec.name}{ending}"][:, : len(plan.tests)] for spec in plan.specs]
        parts = np.stack([standardised(values, plan.tests) for values in held])
        found[f"{TOGETHER}{ending}"] = parts.mean(axis=0)
    if args.backbone:
        found[PROBE] = _probe_margins(plan, folds)
    found[LEAK] = _leak_margins(plan, folds)
    return found, parts_of


@dataclass(slots=True)
class _Gathered:
    """Rows of features: pairs of the training videos, then clips of the tests.

    Attributes:
        data, cells: ``[R, ...]``.
        label, pair: of each row; a test's label is its video's.
        video: of each row, the number of its training video, or -1 - that of the plan's row.
    """

    data: dict[str, torch.Tensor]
    cells: torch.Tensor
    label: NDArray[np.int64]
    video: NDArray[np.int64]

    @classmethod
    def of(cls, plan: Plan, name: str) -> _Gathered:
        parts: list[Kept] = []
        label: list[int] = []
        video: list[int] = []
        for number, made in enumerate(plan.trains):
            for place in plan.fakes[name][made.path.resolve()]:
                kept = torch.load(place, weights_only=True)
                parts.append(kept)
                label += kept["label"].tolist()
                video += [number] * len(kept["label"])
        for number, (test, codec) in enumerate(plan.rows):
            kept = torch.load(plan.own[name][test.path.resolve(), codec], weights_only=True)
            parts.append(kept)
            label += [test.label] * len(kept["cells"])
            video += [-1 - number] * len(kept["cells"])
        full = [part for part in parts if len(part["cells"])]
        data = {key: torch.cat([part["data"][key] for part in full]) for key in full[0]["data"]}
        cells = torch.cat([part["cells"] for part in full])
        return cls(data, cells, np.array(label, np.int64), np.array(video, np.int64))

    def background(self) -> _Gathered:
        """The control's features."""
        return _Gathered(background_only(self.data, self.cells), self.cells, self.label, self.video)

    def samples(self) -> Samples:
        """As the heads take them."""
        rows = np.arange(len(self.label))
        zeros = np.zeros_like(rows)
        return Samples(self.data, None, rows, self.label, zeros, zeros, zeros, (), {})


def _cue_margins(
    spec: SpecialistSpec,
    gathered: _Gathered,
    plan: Plan,
    folds: Sequence[Mapping[str, int]],
    args: argparse.Namespace,
) -> tuple[Floats, Floats]:
    """The margins ``[S, V]``, and what each cell adds to them ``[V, 7, 7]``, the mean over the seeds."""
    samples, rows_ = gathered.samples(), plan.rows
    margins = np.full((len(folds), len(rows_)), np.nan)
    parts = np.full((len(rows_), MAP_SIZE, MAP_SIZE), np.nan)
    for seed, fold in enumerate(folds):
        for tested in sorted(set(fold.values())):
            away = {n for n, video in enumerate(plan.trains) if fold[video.group] != tested}
            here = [n for n, (video, _) in enumerate(rows_) if fold[video.group] == tested]
            chosen = np.flatnonzero(np.isin(gathered.video, list(away)))
            if not len(chosen) or not here:
                continue
            model = train("cue", spec, samples, chosen, Budget(args.steps), seed)
            genuine = chosen[gathered.label[chosen] == 0]
            for number in here:
                rows = np.flatnonzero(gathered.video == -1 - number)
                if len(rows):
                    margins[seed, number] = predict(model, samples, rows).mean()
                    part = cell_parts(model, samples, rows, genuine).mean(0) / len(folds)
                    parts[number] = part if np.isnan(parts[number]).all() else parts[number] + part
    return margins, parts


def _probe_margins(plan: Plan, folds: Sequence[Mapping[str, int]]) -> Floats:
    """A logistic regression on the encoder's features of the face, on all specialists' pseudo-fakes."""
    features, labels, video = [], [], []
    for number, made in enumerate(plan.trains):
        for spec in plan.specs:
            for place in plan.fakes[spec.name][made.path.resolve()]:
                kept = torch.load(place, weights_only=True)
                if kept.get(PROBE) is not None:
                    features.append(kept[PROBE].numpy())
                    labels.append(np.tile([0, 1], len(kept[PROBE]) // 2))
                    video += [number] * len(kept[PROBE])
    x, y, v = np.concatenate(features), np.concatenate(labels), np.array(video)
    tests = [torch.load(plan.own[PROBE][test.path.resolve(), ""], weights_only=True)["data"] for test in plan.tests]
    margins = np.full((len(folds), len(plan.tests)), np.nan)
    for seed, fold in enumerate(folds):
        for tested in sorted(set(fold.values())):
            away = [n for n, made in enumerate(plan.trains) if fold[made.group] != tested]
            chosen = np.isin(v, away)
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
            model.fit(x[chosen], y[chosen])
            for number, test in enumerate(plan.tests):
                if fold[test.group] == tested and PROBE in tests[number]:
                    margins[seed, number] = model.decision_function(tests[number][PROBE].numpy()).mean()
    return margins


def _leak_margins(plan: Plan, folds: Sequence[Mapping[str, int]]) -> Floats:
    """A logistic regression on the files' plain facts, learnt on the *real* fakes of other people.

    Pseudo-fakes have the facts of their controls, so nothing could be learnt from them; this is what a detector
    that was trained on such a collection could lean on.
    """
    infos = [(probe(test.path), test.path.stat().st_size) for test in plan.tests]
    codecs = sorted({info.codec for info, _ in infos})
    rows = []
    for info, size in infos:
        bits = np.log(8 * size / max(1, info.frame_count) / (info.width * info.height))
        plain = [bits, np.log(info.width), np.log(info.height), info.fps, np.log(max(1, info.frame_count))]
        rows.append([*plain, float(info.has_audio), *(float(info.codec == codec) for codec in codecs)])
    x, y = np.array(rows), np.array([test.label for test in plan.tests])
    margins = np.full((len(folds), len(plan.tests)), np.nan)
    for seed, fold in enumerate(folds):
        place = np.array([fold[test.group] for test in plan.tests])
        for tested in np.unique(place):
            away = place != tested
            if len(set(y[away].tolist())) == 2:
                model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x[away], y[away])
                margins[seed, ~away] = model.decision_function(x[~away]).round(9)
    return margins
