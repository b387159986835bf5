"""How AV's learned synchrony grows with minutes of speech.

    python benchmarks/speech/growth.py                              # made speech
    python benchmarks/speech/growth.py --footage DIR                # a folder of real talking videos
    python benchmarks/speech/growth.py --footage DIR --first-made   # the same, after learning from made speech

The towers of the cue ``lip_sync`` learn as in training, by the module's own loss on real speech alone: no forgery is
seen. People are added one after another until there are so many minutes; a quarter of the training people is held out
to choose the step at which to stop. Then people that it has never seen are judged, 2.4 s at a time: their own audio
against the same moved by 1, 3, 5 and 10 points of 40 ms, early and late in turn, and against another person's. The
score is the embedding's own: how unlikely delay 0 is in its distribution over delays. No head is trained on top.

One video is one person; of each up to 59 s about its middle are read, once: they are kept in ``--out``. Those
of less than 3.6 s are learnt from and not judged. It prints a
table and writes it to ``speech-growth.md`` there: AUC over all people (each tested once a seed), mean of the seeds, in
brackets the 95 % interval by drawing people, and the share of unforged windows whose likeliest delay is 0 within one
point (chance: 3 of 31).
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from cues.measures import estimate
from cues.people import Person, demo_people, folder_people
from cues.trials import people_folds
from torch import Tensor, nn
from tqdm import tqdm

from dfcore.data.clips import SPEECH_RATE
from dfcore.errors import DfcoreError, UsageError
from dfs_av.lip_sync import LipSyncCue, delay_curve, similarities
from dfs_av.module import CueModule
from dfs_av.speech_view import LAGS, POINTS, SHAPES
from speech.talks import KINDS, SPARSE, Described, Talk, joined, lessons, picked, questions, read_talk

BATCH = 16
_LOOK = 10
"""Steps from one look at those held out to the next."""
_POOLED = 4
"""How much sharper a window's distribution over delays is than a point's: as ``lip_sync`` has it."""


# -- learning ----------------------------------------------------------------------------------------------------------


def taken(names: Sequence[str], lengths: dict[str, int], minutes: float) -> Iterator[tuple[str, int]]:
    """Who is learnt from, and how many of their points: one person after another, until there are so many minutes."""
    left = round(minutes * 60 * SPEECH_RATE)
    for name in names:
        count = min(lengths[name], left)
        if count < POINTS:
            return
        left -= count
        yield name, count


def learn(cue: LipSyncCue, data: Described, held_out: Described, steps: int, seed: int) -> LipSyncCue:
    """Train the towers by their own loss; of the steps looked at, the one whose loss is least on those held out."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(cue.towers.parameters(), lr=1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, total_steps=steps, pct_start=0.1)
    mirror = torch.tensor([1.0, -1.0]).repeat(SHAPES * SHAPES // 2)
    best, least = copy.deepcopy(cue), _loss(cue, held_out)
    for step in range(1, steps + 1):
        batch = picked(data, torch.randint(len(data["weight"]), (BATCH,), generator=generator))
        turned = torch.rand(BATCH, 1, 1, generator=generator) < 0.5
        batch["shapes"] = torch.where(turned, batch["shapes"] * mirror, batch["shapes"])
        loss = cue.loss(**batch)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(cue.towers.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % _LOOK == 0 and (found := _loss(cue, held_out)) < least:
            best, least = copy.deepcopy(cue), found
    return best


@torch.no_grad()
def _loss(cue: LipSyncCue, data: Described) -> float:
    return cue.loss(**data).item()


@torch.no_grad()
def curves(cue: LipSyncCue, data: Described) -> Tensor:
    """Log-likelihood of each of the 31 delays ``[n, 31]``."""
    seen, voice = cue.towers(data["shapes"], data["cepstra"], data["audio_present"])
    return torch.log_softmax(_POOLED * cue.scale * delay_curve(*similarities(seen, voice), data["weight"]), -1)


# -- the experiment ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Judged:
    """Of one amount of speech: scores of each kind ``[S, N]``, whose, and whether the likeliest delay is 0."""

    minutes: list[float]
    scores: dict[str, list[list[float]]]
    people: list[int]
    hits: list[bool]


class Experiment:
    """Talks, prepared once, and what is learnt from some and asked of others."""

    def __init__(self, talks: Sequence[Talk], people: Sequence[Person], folds: int, steps: int) -> None:
        self.names = [talk.name for talk in talks]
        self.people = [person for person in people if person.name in self.names]
        self.folds, self.steps = folds, steps
        self.lengths = {talk.name: len(talk) for talk in talks}
        self.lessons = {talk.name: lessons(talk) for talk in tqdm(talks, "windows", disable=None)}
        asked = {talk.name: questions(talk, self._voice(talk, talks)) for talk in talks}
        self.questions = {name: held for name, held in asked.items() if held is not None}

    def _voice(self, talk: Talk, talks: Sequence[Talk]) -> Talk:
        """Who lends a voice: whoever is tested together with that person, or the next where nobody is."""
        couple = {person.name: person.couple for person in self.people}
        place = self.names.index(talk.name)
        others = [*talks[place + 1 :], *talks[:place]]
        return next((other for other in others if couple[other.name] == couple[talk.name]), others[0])

    def run(self, minutes: float, seeds: int, start: LipSyncCue | None) -> Judged:
        """Each person judged once a seed by what has learnt from others; ``minutes`` 0 judges ``start`` itself."""
        found = Judged([], {kind: [] for kind in ("own", *KINDS)}, [], [])
        for seed in range(seeds):
            fold = people_folds(self.people, self.folds, seed, couples=True)
            scores: dict[str, list[float]] = {kind: [] for kind in found.scores}
            found.people = []
            models = {place: self._learnt(minutes, fold, place, seed, start, found) for place in set(fold.values())}
            for number, name in enumerate(self.names):
                if name not in self.questions:
                    continue
                held = {kind: curves(models[fold[name]], data) for kind, data in self.questions[name].items()}
                found.people += [number] * len(held["own"])
                found.hits += ((held["own"].argmax(-1) - LAGS).abs() <= 1).tolist()
                for kind, values in held.items():
                    scores[kind] += (-values[:, LAGS]).tolist()
            for kind, given in scores.items():
                found.scores[kind].append(given)
        return found

    def _learnt(
        self, minutes: float, fold: dict[str, int], tested: int, seed: int, start: LipSyncCue | None, found: Judged
    ) -> LipSyncCue:
        torch.manual_seed(seed)
        cue = copy.deepcopy(start) if start is not None else CueModule().lip_sync
        if not minutes:
            found.minutes.append(0.0)
            return cue
        order = np.random.default_rng([seed, tested]).permutation([n for n in self.names if fold[n] != tested]).tolist()
        chosen, parts = order[: max(1, len(order) // 4)], []
        for name, count in taken(order[len(chosen) :], self.lengths, minutes):
            parts.append(picked(self.lessons[name], slice((count - POINTS) // SPARSE + 1)))
            found.minutes.append(count / SPEECH_RATE / 60)
        if not parts:
            raise UsageError(f"there is no speech of {minutes} minutes: a window is {POINTS / SPEECH_RATE} s.")
        return learn(cue, joined(parts), joined([self.lessons[name] for name in chosen]), self.steps, seed)


def row(judged: Judged, models: int) -> list[str]:
    """A line of the table: minutes in the mean, share of delays found, AUC of each kind."""
    count = len(judged.people)
    label, person = np.repeat([0, 1], count), np.tile(judged.people, 2)
    cells = [f"{sum(judged.minutes) / models:.2f}", f"{np.mean(judged.hits):.2f}"]
    for kind in KINDS:
        scores = np.array([own + moved for own, moved in zip(judged.scores["own"], judged.scores[kind], strict=True)])
        value = estimate(scores, label, person)
        cells.append(f"{value.value:.3f} [{value.low:.3f}, {value.high:.3f}]".replace("0.", "."))
    return cells


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How AV's learned synchrony grows with minutes of speech.")
    add = parser.add_argument
    add("--footage", type=Path, help="a folder of real talking videos; default: people are rendered")
    add("--first-made", action="store_true", help="learn from made speech first")
    add("--minutes", default="0.25,0.5,1,2", help="comma-separated")
    add("--people", type=int, default=24, help="how many are rendered")
    add("--frames", type=int, default=200, help="of each that is rendered, at 25 a second")
    add("--steps", type=int, default=200, help=f"of training at most, of {BATCH} windows each")
    add("--seeds", type=int, default=3)
    add("--folds", type=int, default=3)
    add("--out", type=Path, default=Path("runs/cue-bench"), help="people and their speech are kept here")
    add("--workers", type=int, default=2)
    args = parser.parse_args(arguments)
    torch.set_num_threads(max(1, args.workers))
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        _run(args, args.out / "speech-growth.md")
    except DfcoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(args: argparse.Namespace, place: Path) -> None:
    """Every amount, a line of the table as soon as it is there."""
    start = None
    people = folder_people(args.footage) if args.footage else []
    if not args.footage or args.first_made:
        made = demo_people(args.out / "people", args.people, frames=args.frames, workers=args.workers)
        people = people or made
        if args.first_made:
            start = _from_made(made, args)
    talks = _talks(people, args.out / "speech" / ("footage" if args.footage else "made"))
    if len(talks) < 4:
        raise UsageError(f"{len(talks)} videos hold 2.4 s of a voice and its mouth; at least 4 are needed.")
    total = sum(map(len, talks)) / SPEECH_RATE / 60
    head = ["minutes", "delay found", *(f"AUC {kind}" if kind == "other" else f"AUC ±{kind}" for kind in KINDS)]
    lines = [f"{len(talks)} people, {total:.1f} minutes in all", ""]
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    print("\n".join(lines), flush=True)
    experiment = Experiment(talks, people, args.folds, args.steps)
    amounts = [float(part) for part in args.minutes.split(",")]
    for minutes in [0.0, *amounts] if start else amounts:
        judged = experiment.run(minutes, args.seeds, start)
        lines.append("| " + " | ".join(row(judged, args.seeds * args.folds)) + " |")
        print(lines[-1], flush=True)
        place.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _talks(people: Sequence[Person], folder: Path) -> list[Talk]:
    found = [read_talk(person, folder) for person in tqdm(people, "reading", disable=None)]
    return [talk for talk in found if talk is not None]


def _from_made(people: Sequence[Person], args: argparse.Namespace) -> LipSyncCue:
    talks = [lessons(talk) for talk in _talks(people, args.out / "speech" / "made")]
    held_out = len(talks) // 4
    torch.manual_seed(0)
    return learn(CueModule().lip_sync, joined(talks[held_out:]), joined(talks[:held_out]), args.steps, 0)


if __name__ == "__main__":
    sys.exit(main())
