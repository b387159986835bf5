"""Whether a voice belongs to a mouth, by the opened of dense landmarks: what AV can find without forged footage.

    python benchmarks/speech/voices.py --list LIST.csv                     # folds over people
    python benchmarks/speech/voices.py --list LIST.csv --test OTHERS.csv   # learnt from all of LIST, asked of OTHERS
    python benchmarks/speech/voices.py --list LIST.csv --minutes 0.5,1,2   # how it grows with minutes of speech
    python benchmarks/speech/voices.py --list LIST.csv --write FILE        # keep what all of LIST teach, for dfs-av

A list has the columns ``file`` (absolute, or relative to the list) and ``group`` (the person). It should name talks in
which the person seen is the one heard; what never pauses (music, a crowd) is left out, unless ``--all`` is given.

A ridge regression goes from 20 mel bands of the voice (four points of 40 ms to either side) to the openings of the
lips; training clips are first moved by their own natural lag, which is found by the regression itself, three rounds of
it. A window is judged by how well the openings that were seen correlate with those that were expected and with the
voice's level, at the best of the lags that genuine clips have. The forgery is another person's voice of the same
length.

It prints AUC over windows of 2.4, 4.8 and 8 s; over several pieces of 2.4 s of one clip, apart from each other and
pooled as the cue module pools a video's clips; and over whole clips, by their evidence, for these differ in length. The
95 % interval is by drawing people.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from dfcore.data.clips import SPEECH_RATE
from dfcore.data.clips.plan import LANDMARKS, ClipPlan
from dfcore.data.media import probe
from dfcore.data.prepare.extract import extract_clips
from dfcore.data.views.landmarks import openings_of
from dfcore.errors import DfcoreError
from dfs_av.voice_openings import VoiceModel, fit, judge, judge_together, voice_bands, write_model

PIECE = 60
"""Points of a clip as AV reads it: 2.4 s."""
LENGTHS = {"2.4 s": 60, "4.8 s": 120, "8 s": 200, "2 x 2.4 s": 2, "4 x 2.4 s": 4, "whole": 0}
"""Points of a window; below :data:`PIECE` how many pieces are pooled; 0 for all that there is."""
LONGEST, TESTED = 40.0, 20.0
"""Seconds of each that are learnt from and that are tested, about its middle."""
LEAST_PRESENT = 0.8
LEAST_RANGE = 12.0
"""Decibels between a talk's loud and quiet tenth, below which it has no pauses."""


@dataclass(frozen=True, slots=True, eq=False)
class Talk:
    """One clip: ``opened`` float32 ``[n, 4]``, ``present`` bool ``[n]``, ``bands`` float32 ``[n, 20]``."""

    name: str
    person: str
    opened: NDArray[np.float32]
    present: NDArray[np.bool_]
    bands: NDArray[np.float32]

    def part(self, first: int, count: int) -> Talk:
        """So many points of it."""
        rows = slice(first, first + count)
        return Talk(self.name, self.person, self.opened[rows], self.present[rows], self.bands[rows])


def level_range(bands: NDArray[np.float32]) -> float:
    """Decibels from the 10th to the 90th percentile of the level."""
    low, high = np.quantile(10 * np.log10(np.exp(bands).sum(1)), [0.1, 0.9])
    return float(high - low)


def read_talks(path: Path, folder: Path, everything: bool = False) -> list[Talk]:
    """The talks of a list, kept in ``folder``; with ``everything`` those too that have no pauses."""
    folder.mkdir(parents=True, exist_ok=True)
    with path.open() as lines:
        rows = list(csv.DictReader(lines))
    found = []
    for row in tqdm(rows, "reading", disable=None):
        place = folder / f"{Path(row['file']).stem}.npz"
        if not place.exists():
            np.savez(place, **_read(path.parent / row["file"]))
        with np.load(place) as held:
            opened, present, audio = held["opened"], held["present"], held["audio"]
        count = min(len(opened), len(audio) // (16000 // SPEECH_RATE))
        if count < 30 or present[:count].mean() < LEAST_PRESENT:
            continue
        bands = voice_bands(audio[: count * (16000 // SPEECH_RATE)])
        if not everything and level_range(bands) < LEAST_RANGE:
            print(f"left out, its audio never pauses: {row['file']}", file=sys.stderr)
            continue
        found.append(Talk(place.stem, row["group"], opened[:count], present[:count], bands))
    return found


def _read(path: Path) -> dict[str, NDArray]:
    nothing = {"opened": np.zeros((0, 4), np.float32), "present": np.zeros(0, bool), "audio": np.zeros(0, np.int16)}
    try:
        info = probe(path)
        if not info.has_audio:
            return nothing
        seconds = min(LONGEST, int(info.frame_count / info.fps * SPEECH_RATE) / SPEECH_RATE)
        clips = extract_clips(path, ClipPlan(clips=1, speech=seconds, landmarks=LANDMARKS), threads=1)
    except DfcoreError as error:
        print(f"left out: {error}", file=sys.stderr)
        return nothing
    speech = clips[0].speech
    if speech is None or speech.audio is None:
        return nothing
    return {"opened": openings_of(speech), "present": speech.present, "audio": speech.audio}


# -- the experiment ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Answers:
    """Scores of genuine windows and of their forged ones, and whose."""

    own: list[float]
    forged: list[float]
    person: list[str]


def questions(talk: Talk, talks: Sequence[Talk], length: int, rng: np.random.Generator) -> list[tuple[Talk, Talk]]:
    """Windows of a talk, each with the same of another person's voice."""
    count = length * PIECE if length < PIECE else length
    count = count or len(talk.opened)
    others = [other for other in talks if other.person != talk.person and len(other.bands) >= min(count, PIECE)]
    if length:
        others = [other for other in others if len(other.bands) >= count]
    found = []
    for first in range(0, len(talk.opened) - count + 1, max(count // 2, 1)) if others else ():
        other = others[int(rng.integers(len(others)))]
        size = min(count, len(other.bands))
        start = int(rng.integers(len(other.bands) - size + 1))
        own = talk.part(first, size)
        found.append((own, Talk(talk.name, talk.person, own.opened, own.present, other.bands[start : start + size])))
    return found


def score(model: VoiceModel, talk: Talk, length: int) -> float:
    """Of a window; of its pieces together; or how much speaks for a whole clip."""
    if not 0 < length < PIECE:
        found = judge(model, talk.opened, talk.present, talk.bands)
        return found.score if length else found.evidence
    parts = [talk.part(PIECE * k, PIECE) for k in range(length)]
    return judge_together(model, [(part.opened, part.present, part.bands) for part in parts]).score


def asked(model: VoiceModel, tested: Sequence[Talk], lenders: Sequence[Talk], length: int, seed: int) -> Answers:
    """Foreign voices, several draws of whose."""
    rng, found = np.random.default_rng(seed), Answers([], [], [])
    tested, lenders = middles(tested), middles(lenders)
    for talk in tested:
        for _ in range(3 if length else 8):
            for own, forged in questions(talk, lenders, length, rng):
                found.own.append(score(model, own, length))
                found.forged.append(score(model, forged, length))
                found.person.append(talk.person)
    return found


def middles(talks: Sequence[Talk]) -> list[Talk]:
    """The middle of each, of what is tested at most."""
    most = round(TESTED * SPEECH_RATE)
    return [talk.part(max(0, (len(talk.opened) - most) // 2), most) for talk in talks]


def auc(own: NDArray, forged: NDArray, w: NDArray) -> float:
    """Of windows weighted by ``w``: how often a genuine one has the higher score."""
    order = np.argsort(np.concatenate([own, forged]), kind="stable")
    weight, genuine = np.concatenate([w, w])[order], np.concatenate([w, 0 * w])[order]
    below = np.cumsum(weight - genuine)
    return float((genuine * below).sum() / (w.sum() * w.sum()))


def figure(found: Answers, draws: int = 500) -> str:
    """AUC in which each person counts the same, and its interval over people."""
    own, forged, person = np.array(found.own), np.array(found.forged), np.array(found.person)
    names, place, count = np.unique(person, return_inverse=True, return_counts=True)
    each, rng = 1 / count[place], np.random.default_rng(0)
    drawn = []
    for _ in range(draws):
        times = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
        drawn.append(auc(own, forged, each * times[place]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{auc(own, forged, each):.3f} [{low:.3f}, {high:.3f}] ({len(names)} people, {len(own)} windows)"


def folds_of(talks: Sequence[Talk], folds: int, seed: int) -> dict[str, int]:
    names = sorted({talk.person for talk in talks})
    np.random.default_rng(seed).shuffle(names)
    return {name: place % folds for place, name in enumerate(names)}


def taken(talks: Sequence[Talk], minutes: float | None, seed: int) -> list[Talk]:
    """Those of one person after another, in a drawn order, until there are so many minutes; all where it is None."""
    if minutes is None:
        return list(talks)
    names = sorted({talk.person for talk in talks})
    np.random.default_rng(seed).shuffle(names)
    found, left = [], round(minutes * 60 * SPEECH_RATE)
    for talk in sorted(talks, key=lambda one: names.index(one.person)):
        if left > 0:
            found.append(talk.part(0, left))
            left -= len(found[-1].opened)
    return found


def cross(talks: Sequence[Talk], folds: int, seeds: int, align: bool, minutes: float | None = None) -> dict[str, str]:
    """Each length's figure, people held out."""
    answers = {name: Answers([], [], []) for name in LENGTHS}
    for seed in range(seeds):
        fold = folds_of(talks, folds, seed)
        for place in range(folds):
            tested = [talk for talk in talks if fold[talk.person] == place]
            learnt = taken([talk for talk in talks if fold[talk.person] != place], minutes, seed)
            model = fit([(t.opened, t.present, t.bands) for t in learnt], align=align)
            for name, length in LENGTHS.items():
                part = asked(model, tested, tested, length, seed)
                answers[name].own += part.own
                answers[name].forged += part.forged
                answers[name].person += part.person
    return {name: figure(part) for name, part in answers.items() if part.own}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/voices"))
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", help="comma-separated: learn from so much, one person after another")
    parser.add_argument("--write", type=Path, help="keep what is learnt from all of the list here, and stop")
    parser.add_argument("--all", action="store_true", help="keep what never pauses too")
    parser.add_argument("--no-align", action="store_true", help="without removing the training clips' natural lags")
    given = parser.parse_args()
    talks = read_talks(given.list, given.out, given.all)
    minutes = sum(len(talk.opened) for talk in talks) / SPEECH_RATE / 60
    print(f"{len(talks)} clips of {len({t.person for t in talks})} people, {minutes:.1f} minutes")
    if given.write is not None:
        write_model(fit([(t.opened, t.present, t.bands) for t in talks], align=not given.no_align), given.write)
        return
    if given.test is None:
        for amount in [float(part) for part in given.minutes.split(",")] if given.minutes else [None]:
            for name, value in cross(talks, given.folds, given.seeds, not given.no_align, amount).items():
                print(f"{'' if amount is None else f'{amount:g} minutes, '}another's voice, {name:9} {value}")
        return
    others = read_talks(given.test, given.out, True)
    model = fit([(t.opened, t.present, t.bands) for t in talks], align=not given.no_align)
    for name, length in LENGTHS.items():
        if (found := asked(model, others, others, length, 0)).own:
            print(f"another's voice, {name:9} {figure(found)}")
    for talk in others:
        fitted = judge(model, talk.opened, talk.present, talk.bands)
        print(f"{talk.name:40} score {fitted.score:.3f}  audio {1000 * fitted.lag / SPEECH_RATE:+.0f} ms")


if __name__ == "__main__":
    main()
