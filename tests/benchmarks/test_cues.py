"""The cue bench: its figures are right, its people are disjoint, and it runs through."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from cues import trials  # noqa: E402
from cues.command import parse, run  # noqa: E402
from cues.features import Learned, describe  # noqa: E402
from cues.guard import guard  # noqa: E402
from cues.measures import auc, difference, estimate  # noqa: E402
from cues.pairs import Condition, Pair, conditions  # noqa: E402
from cues.people import Person, folder_people  # noqa: E402
from cues.samples import Samples  # noqa: E402

from dfcore.errors import UsageError  # noqa: E402
from dfcore.plugins import Registry  # noqa: E402
from dfcore.testing.views import made_views  # noqa: E402

KEPT = [Registry().specialist(name) for name in ("cm", "rr", "av")]
"""One whose projections are captured, one that describes and projects, one with a loss of its own too."""


def people(count: int) -> list[Person]:
    return [Person(f"p{i}", Path(f"p{i}.mp4"), Path(f"p{i ^ 1}.mp4"), i // 2) for i in range(count)]


def binormal(count: int, shift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One real and one fake sample of each person, independent, ``shift`` deviations apart."""
    rng = np.random.default_rng(5)
    label, person = np.tile([0, 1], count), np.arange(count).repeat(2)
    return (rng.normal(size=2 * count) + shift * label)[None], label, person


def test_auc_of_known_scores() -> None:
    label = np.array([0, 0, 1, 1])
    assert auc(np.array([1.0, 2.0, 3.0, 4.0]), label) == 1.0
    assert auc(np.array([1.0, 3.0, 2.0, 4.0]), label) == 0.75
    assert auc(np.array([1.0, 1.0, 1.0, 1.0]), label) == 0.5
    assert auc(np.array([4.0, 3.0, 2.0, 1.0]), label) == 0.0


def test_the_interval_has_the_width_that_hanley_and_mcneil_give() -> None:
    """Scores one deviation apart: AUC is Phi(1/sqrt 2) = .760; its standard error with 150 of each class is .0275."""
    found = estimate(*binormal(150, 1.0))
    a, n = 0.760, 150
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    error = np.sqrt((a * (1 - a) + (n - 1) * (q1 - a * a) + (n - 1) * (q2 - a * a)) / n**2)
    assert found.low < a < found.high
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(error, rel=0.2)


def test_perfect_scores_leave_no_doubt_and_equal_ones_are_chance() -> None:
    _, label, person = binormal(12, 0.0)
    found = estimate(np.stack([label, label]).astype(float), label, person)
    assert (found.value, found.low, found.high, found.spread) == (1.0, 1.0, 1.0, 0.0)
    assert estimate(np.zeros((1, 24)), label, person).value == 0.5


def test_a_small_difference_within_every_pair_lies_in_its_own_interval() -> None:
    """8 people far apart, each fake a little above its control: AUC is (28 + 8) / 64, and drawing is about that."""
    label, person = np.tile([0, 1], 8), np.arange(8).repeat(2)
    found = estimate((10.0 * person + label)[None], label, person)
    assert found.value == pytest.approx((28 + 8) / 64)
    assert found.draws.mean() == pytest.approx(found.value, abs=0.02)
    assert found.low <= found.value <= found.high


def test_people_of_whom_there_are_fakes_alone_or_genuine_videos_alone_have_an_interval_too() -> None:
    score, label = np.arange(16.0), np.tile([0, 1], 8)
    found = estimate(score[None], label, np.arange(16))
    assert found.value == pytest.approx((8 * 9 / 2) / 64)
    assert 0 < found.low < found.value < found.high < 1


def test_a_difference_is_taken_over_the_same_people() -> None:
    one = estimate(*binormal(20, 1.0))
    same = difference(one, estimate(*binormal(20, 1.0)))
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(("count", "folds"), [(7, 3), (12, 5), (4, 10)])
def test_couples_are_tested_together_and_everyone_once(count: int, folds: int) -> None:
    found = people(count)
    place = trials.people_folds(found, folds, 0, couples=True)
    assert place.keys() == {person.name for person in found}
    assert all(place[a.name] == place[b.name] for a in found for b in found if a.couple == b.couple)
    assert len(set(place.values())) == min(folds, -(-count // 2))
    seeds = [trials.people_folds(people(12), 3, seed) for seed in range(4)]
    assert any(one != seeds[0] for one in seeds[1:])


def test_too_few_people_are_refused() -> None:
    with pytest.raises(UsageError, match="too few"):
        trials.people_folds(people(2), 3, 0, couples=True)


def test_nobody_is_tested_by_a_model_that_has_seen_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rr = Registry().specialist("rr")
    who = np.arange(6).repeat(4)
    n = len(who)
    condition = Condition("rr", "x2", 23.0, "x2 crf 23")
    zero = np.zeros(n, np.int64)
    own = Samples({}, None, np.arange(n), np.tile([0, 1], n // 2), who, zero, np.arange(n) // 2, [condition], {})
    monkeypatch.setattr(trials, "train", lambda arm, spec, samples, chosen, budget, seed: set(samples.person[chosen]))

    def asked(model: set[int], samples: Samples, chosen: np.ndarray) -> np.ndarray:
        assert not model & set(samples.person[chosen])
        return samples.person[chosen].astype(float)

    monkeypatch.setattr(trials, "predict", asked)
    names = [person.name for person in people(6)]
    folds = [trials.people_folds(people(6), 3, seed) for seed in (0, 1)]
    other = {"cm": replace(own)}
    scores, foreign = trials.try_specialist(rr, own, other, names, folds, trials.Budget(), arms=("cue",))
    assert (scores["cue"] == who).all()
    assert (foreign["cm"] == who).all()


def facts(rng: np.random.Generator, fake: bool, leak: float) -> dict[str, float]:
    size = float(np.exp(rng.normal(10, 0.3) + leak * fake))
    return {"size": size, "duration": 2.0, "fps": 25.0, "frames": 50.0, "brightness": float(rng.normal(110, 20))}


def pairs_of(leak: float, *, same: bool = False) -> list[Pair]:
    rng = np.random.default_rng(1)
    condition = Condition("rr", "x2", 23.0, "x2 crf 23")
    made = []
    for person in people(20):
        control, fake = facts(rng, False, 0.0), facts(rng, True, leak)
        made.append(Pair(person.name, condition, 0, Path("c"), Path("f"), (control, dict(control) if same else fake)))
    return made


def test_the_guard_sees_a_leak_and_only_a_leak() -> None:
    names = [person.name for person in people(20)]
    folds = [trials.people_folds(people(20), 3, seed) for seed in range(2)]
    leaking = guard(pairs_of(1.5), names, folds)
    assert leaking.auc.value > 0.95
    assert leaking.alarm
    assert leaking.smaller < 0.1
    equal = guard(pairs_of(0.0, same=True), names, folds)
    assert equal.auc.value == 0.5
    assert not equal.alarm
    assert (equal.smaller, equal.change) == (0.5, 1.0)


def test_a_folder_gives_its_real_videos_only(tmp_path: Path) -> None:
    real = ["original_sequences/youtube/c23/videos/1.mp4", "dfdc/a.mp4", "wild/real/deep/x.mov"]
    fake = ["manipulated_sequences/Deepfakes/c23/videos/1_2.mp4", "dfdc/b.mp4", "wild/fake/y.mp4"]
    for name in (*real, *fake):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    listed = {"a.mp4": {"label": "REAL"}, "b.mp4": {"label": "FAKE"}}
    (tmp_path / "dfdc/metadata.json").write_text(json.dumps(listed))
    found = folder_people(tmp_path)
    assert sorted(person.path.relative_to(tmp_path).as_posix() for person in found) == sorted(real)
    assert len({person.name for person in found}) == 3
    assert all(person.partner != person.path for person in found)
    assert [p.name for p in folder_people(tmp_path, without=["dfdc_a", "wild_real_deep_x"])] == [
        "original_sequences_youtube_c23_videos_1"
    ]
    with pytest.raises(UsageError, match=r"--without nobody: not there\. There are dfdc_a"):
        folder_people(tmp_path, without=["nobody"])


def test_the_conditions_are_those_that_the_specialists_must_meet() -> None:
    cm, rr = (conditions(Registry().specialist(name)) for name in ("cm", "rr"))
    assert [(c.label, c.crf) for c in cm] == [("23→23", 23.0), ("28→23", 23.0), ("23→40", 40.0), ("again 23", 23.0)]
    assert len(rr) == 16
    assert {c.crf for c in rr} == {None, 18.0, 23.0, 40.0}
    assert [c.label for c in conditions(Registry().specialist("rr"), ["sharper"])] == [
        f"sharper {crf}" for crf in ("lossless", "crf 18", "crf 23", "crf 40")
    ]
    only = conditions(Registry().specialist("rr"), ["x2 crf 23", "x3"])
    assert [c.label for c in only] == ["x3 lossless", "x3 crf 18", "x2 crf 23", "x3 crf 23", "x3 crf 40"]


@pytest.mark.parametrize("spec", KEPT, ids=lambda spec: spec.name)
def test_kept_features_make_the_module_s_own_map(spec) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    learned = Learned(spec).eval()
    views = made_views(spec, batch=1)
    with torch.no_grad():
        kept = describe(learned.module, views)
        torch.testing.assert_close(learned(kept), learned.module(views))
        own = learned.auxiliary_loss(kept, torch.zeros(1, dtype=torch.int64))
    assert (own is None) == (spec.name != "av")


@pytest.mark.slow
def test_it_runs_through_and_keeps_what_it_made(tmp_path: Path) -> None:
    options = ["--specialists", "rr", "--kinds", "x3 crf 23", "--people", "2", "--seeds", "1", "--draws", "1"]
    options += ["--windows", "1", "--frames", "8", "--steps", "2", "--workers", "1", "--no-matrix"]
    options += ["--backbone", "test_efficientnet", "--image-size", "64", "--out", str(tmp_path)]
    results = run(parse(options), Console(quiet=True))
    (row,) = results["conditions"]
    assert (row["pairs"], row["people"], row["samples"]) == (2, 2, 4)
    assert row["auc"].keys() == {"cue", "backbone", "both"}
    assert all(0 <= found["value"] <= 1 for found in row["auc"].values())
    assert json.loads((tmp_path / "results.json").read_text())["conditions"] == results["conditions"]
    assert "| RR | x3 crf 23 | 2 |" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "cue-bench.png").stat().st_size > 0
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.mp4")}
    assert len(kept) == 2 + 2 * 2
    again = run(parse(options), Console(quiet=True))
    assert again["conditions"] == results["conditions"]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.mp4")} == kept
