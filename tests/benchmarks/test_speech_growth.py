"""The growth of AV's synchrony with speech: whose and how much is learnt from, what is asked, and that it learns."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from cues.people import Person  # noqa: E402
from speech.growth import Experiment, main, row, taken  # noqa: E402
from speech.talks import KINDS, SPARSE, Talk, lessons, make_talk, window  # noqa: E402

LENGTH = 120


@pytest.fixture(autouse=True)
def threads_of_before() -> Iterator[None]:
    """The command sets as many as it has workers, and sums of floats depend on them."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def talk(seed: int) -> Talk:
    """A dark bar, as open as the noise is loud."""
    rng = np.random.default_rng(seed)
    loud = np.clip(np.convolve(rng.normal(size=LENGTH + 4), np.ones(4) / 2, "valid"), 0, 1)[:LENGTH]
    mouth = np.full((LENGTH, 96, 96), 150, np.uint8)
    for k, open_ in enumerate(loud):
        mouth[k, 48 - round(16 * open_) : 48 + round(16 * open_), 24:72] = 20
    audio = (6000 * loud.repeat(640) * rng.normal(size=640 * LENGTH)).clip(-32768, 32767).astype(np.int16)
    found = make_talk(f"p{seed}", mouth, np.ones(LENGTH, bool), audio)
    assert found is not None
    return found


def test_people_are_added_until_the_minutes_are_full() -> None:
    lengths = {"a": 150, "b": 200, "c": 300}
    assert list(taken("abc", lengths, 9 / 60)) == [("a", 150), ("b", 75)]
    assert list(taken("abc", lengths, 7 / 60)) == [("a", 150)]  # 25 points left: less than a window
    assert list(taken("abc", lengths, 60)) == list(lengths.items())


def test_windows_move_the_audio_and_not_the_mouth() -> None:
    first, second = talk(0), talk(1)
    own, late, other = window(first, 20), window(first, 20, 3), window(first, 20, 0, second)
    assert torch.equal(own["mouth"], late["mouth"])
    assert torch.equal(late["log_mel"][:, 12:], own["log_mel"][:, :-12])  # heard three points later
    assert torch.equal(other["mouth"], own["mouth"])
    assert torch.equal(other["log_mel"], second.mel[:, 80:320])
    assert len(lessons(first)["weight"]) == (LENGTH - 60) // SPARSE + 1


@pytest.mark.parametrize(("points", "present", "level"), [(59, True, 9000), (120, False, 9000), (120, True, 9)])
def test_what_shows_or_says_too_little_is_left_out(points: int, present: bool, level: int) -> None:
    audio = np.random.default_rng(0).integers(-level, level, points * 640).astype(np.int16)
    mouth = np.zeros((points, 96, 96), np.uint8)
    assert make_talk("a", mouth, np.full(points, present), audio) is None


def test_where_the_mouth_comes_and_goes_the_longest_stretch_is_read() -> None:
    audio = np.arange(200).repeat(640).astype(np.int16) * np.tile([100, -100], 64000).astype(np.int16)
    mouth = np.zeros((200, 96, 96), np.uint8) + np.arange(200, dtype=np.uint8)[:, None, None]
    present = np.isin(np.arange(200), [*range(20, 60), *range(110, 190)])
    found = make_talk("a", mouth, present, audio)
    assert found is not None
    assert found.mouth[:, 0, 0].tolist() == list(range(110, 190))
    assert found.present.all()
    assert found.mel.shape == (80, 320)


@pytest.mark.slow
def test_it_learns_from_some_and_is_asked_of_others() -> None:
    talks = [talk(seed) for seed in range(8)]
    people = [Person(each.name, Path(each.name), None, number // 2) for number, each in enumerate(talks)]
    experiment = Experiment(talks, people, folds=2, steps=60)
    judged = experiment.run(1.0, 1, None)
    cells = row(judged, 2)
    assert len(cells) == 2 + len(KINDS)
    assert float(cells[0]) == pytest.approx(3 * LENGTH / 25 / 60, abs=0.01)  # one of four is held out
    assert sorted(set(judged.people)) == list(range(8))
    assert float(cells[1]) > 0.7
    assert float(cells[4].split()[0]) > 0.9  # moved by 5
    untaught = experiment.run(0.0, 1, None)
    assert np.mean(untaught.hits) < 0.5


def test_a_folder_without_videos_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--footage", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert str(tmp_path) in capsys.readouterr().err
