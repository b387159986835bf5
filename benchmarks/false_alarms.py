"""Is the promised false-alarm rate kept? Measured where the truth is known: ``python benchmarks/false_alarms.py``.

Each line draws validation sets, asks each for its verdict on a new genuine video, and counts how often that is called
fake. Scores have heavy tails (Student's t with 2 degrees of freedom); fakes score 4 higher. With many videos a person,
a video's score is its person's and a little of its own.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from dfcore.evaluation.verdicts.conformal import ConformalVerdicts

SHIFT = 4.0


@dataclass(frozen=True)
class Case:
    """A validation set: how many people, videos of each, and whether the promise is told who is who."""

    words: str
    people: int
    videos: int
    alpha: float
    told: bool = True
    spread: float = 0.3
    """Of one person's videos, where there are several."""


CASES = (
    Case("120 videos, each of another person", 120, 1, 0.01),
    Case("120 videos, each of another person", 120, 1, 0.05),
    Case("1200 videos of 120 people", 120, 10, 0.01),
    Case("130 videos of 13 people, taken for 130 people", 13, 10, 0.01, told=False),
    Case("130 videos of 13 people", 13, 10, 0.01),
    Case("130 videos of 13 people", 13, 10, 0.10),
)


def measure(case: Case, draws: int, random: np.random.Generator) -> tuple[float, float]:
    """Shares of new genuine videos called fake, and of new fakes called fake."""
    label = np.repeat([0, 1], case.people * case.videos)
    people = np.tile(np.repeat(np.arange(case.people), case.videos), 2)
    alarms = found = 0
    for _ in range(draws):
        margin = np.concatenate([_scores(case.people, case, random) + shift for shift in (0, SHIFT)])
        rules = ConformalVerdicts(label, margin, groups=people if case.told else None, alpha=case.alpha)
        new = float(_scores(1, case, random)[0])
        alarms += rules.judge(new).verdict == "fake"
        found += rules.judge(new + SHIFT).verdict == "fake"
    return alarms / draws, found / draws


def _scores(people: int, case: Case, random: np.random.Generator) -> np.ndarray:
    own = random.standard_t(2, size=(people, 1))
    return (own + (case.videos > 1) * case.spread * random.normal(size=(people, case.videos))).ravel()


def main() -> None:
    """Print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=4000, help="validation sets a line")
    draws = parser.parse_args().draws
    print(f"{'genuine validation videos':<48} {'promised':>9} {'false alarms':>13} {'+-':>7} {'fakes found':>12}")
    for number, case in enumerate(CASES):
        alarms, found = measure(case, draws, np.random.default_rng(number))
        error = 2 * (max(alarms, 1 / draws) * (1 - alarms) / draws) ** 0.5
        print(f"{case.words:<48} {case.alpha:>9.0%} {alarms:>13.2%} {error:>7.2%} {found:>12.1%}")


if __name__ == "__main__":
    main()
