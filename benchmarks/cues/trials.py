"""Cross-validation over people: every pair is scored once per seed, by a model that has not seen the person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dfcore.errors import UsageError
from dfcore.specs import SpecialistSpec

from .heads import ARMS, Budget, predict, train
from .people import Person
from .samples import Samples

__all__ = ["Scores", "people_folds", "try_specialist"]

Scores = dict[str, NDArray[np.float64]]
"""Margins ``[S, N]`` by arm; NaN where a sample was not scored."""


def people_folds(people: Sequence[Person], folds: int, seed: int, *, couples: bool = False) -> dict[str, int]:
    """The fold in which each person is tested; with ``couples``, those who lend each other their voice together.

    Raises:
        UsageError: there are too few people to test any of them on a model that has not seen them.
    """
    unit = {person.name: person.couple if couples else number for number, person in enumerate(people)}
    units = sorted(set(unit.values()))
    if len(units) < 2:
        raise UsageError(f"the cue bench needs people to train on and others to test on; {len(people)} are too few.")
    order = np.random.default_rng([seed, 0xF01D]).permutation(len(units))
    place = {number: int(order[i]) % min(folds, len(units)) for i, number in enumerate(units)}
    return {name: place[number] for name, number in unit.items()}


def try_specialist(
    spec: SpecialistSpec,
    own: Samples,
    others: Mapping[str, Samples],
    names: Sequence[str],
    folds: Sequence[Mapping[str, int]],
    budget: Budget,
    *,
    arms: Sequence[str] = ARMS,
    tick: object = None,
) -> tuple[Scores, dict[str, NDArray[np.float64]]]:
    """Margins of the arms on the specialist's own forgeries, and of its cue head on the others' (by their name).

    One model is trained for each arm, seed and fold, on all of the specialist's own conditions together.

    Args:
        spec: the specialist.
        own: its samples of its own forgeries.
        others: its samples of other specialists' forgeries.
        names: the people that samples number.
        folds: for each seed, where each person is tested.
        budget: of the training.
        arms: which.
        tick: called after each training.
    """
    scores = {arm: np.full((len(folds), len(own)), np.nan) for arm in arms}
    foreign = {name: np.full((len(folds), len(samples)), np.nan) for name, samples in others.items()}
    for seed, fold in enumerate(folds):
        place = np.array([fold[name] for name in names])
        for tested in sorted(set(fold.values())):
            inside = place[own.person] == tested
            if not inside.any() or inside.all():
                continue
            for arm in arms:
                model = train(arm, spec, own, np.flatnonzero(~inside), budget, seed)
                scores[arm][seed, inside] = predict(model, own, np.flatnonzero(inside))
                if arm == "cue":
                    for name, samples in others.items():
                        chosen = np.flatnonzero(place[samples.person] == tested)
                        foreign[name][seed, chosen] = predict(model, samples, chosen)
                if callable(tick):
                    tick()
    return scores, foreign
