"""The pseudo-fake: what is broken in time, where, and that the control is whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dfcore.data.protocols import Footage
from dfcore.errors import MediaError, UnknownNameError
from dfcore.testing.views import made_clip
from dfs_tm.pseudo_fake import PseudoFake, _places


def footage(frames: int = 48) -> Footage:
    clip = made_clip(3, frames=frames, size=128)
    clip.y[:, 0, 0] = np.arange(frames)  # each frame bears its number
    audio = np.arange(round((frames / 25 + 2) * 16000)).astype(np.int16)
    boxes, points = np.array(clip.header.boxes), np.array(clip.header.landmarks)
    return Footage(clip.y, clip.u, clip.v, boxes, points, 25.0, audio, 1.0)


def numbers(footage: Footage) -> list[int]:
    return footage.y[:, 0, 0].tolist()


@pytest.mark.parametrize("seed", range(5))
def test_dropped_frames_leave_gaps_in_every_window_of_sixteen(seed: int) -> None:
    source = footage()
    control, fake = PseudoFake()(source, "drop", np.random.default_rng(seed))
    assert numbers(control) == list(range(len(control.y)))
    assert len(control.y) == len(fake.y) == len(fake.boxes) < 48
    jumps = np.diff(numbers(fake))
    assert jumps.min() == 1
    assert 2 <= jumps.max() <= 4
    assert all((jumps[at : at + 15] > 1).any() for at in range(len(jumps) - 14))
    assert control.audio is not None
    assert fake.audio is not None
    assert len(control.audio) == len(fake.audio) == round((len(fake.y) / 25 + 2) * 16000)


@pytest.mark.parametrize("seed", range(5))
def test_repeated_frames_take_the_next_ones_place(seed: int) -> None:
    source = footage()
    control, fake = PseudoFake()(source, "repeat", np.random.default_rng(seed))
    assert control is source
    jumps = np.diff(numbers(fake))
    assert set(jumps.tolist()) == {0, 1, 2}
    assert all((jumps[at : at + 15] == 0).any() for at in range(len(jumps) - 14))


def test_jitter_gives_a_still_face_second_differences_and_nothing_to_its_surround() -> None:
    source = footage(16)
    still = replace(source, y=source.y[:1].repeat(16, 0), u=source.u[:1].repeat(16, 0), v=source.v[:1].repeat(16, 0))
    control, fake = PseudoFake()(still, "jitter", np.random.default_rng(0))
    assert control is still
    second = np.square(np.diff(fake.y.astype(float), n=2, axis=0)).mean(axis=0)
    x0, y0, x1, y1 = still.boxes[0].astype(int)
    middle = second[(y0 + y1) // 2 - 8 : (y0 + y1) // 2 + 8, (x0 + x1) // 2 - 8 : (x0 + x1) // 2 + 8]
    assert middle.mean() > 3
    assert second[: y0 - 8].max() == 0


def test_flicker_changes_the_face_alone_and_each_frame_otherwise() -> None:
    source = footage()
    still = replace(source, y=source.y[:1].repeat(16, 0), u=source.u[:1].repeat(16, 0), v=source.v[:1].repeat(16, 0))
    still = replace(still, boxes=source.boxes[:16], landmarks=source.landmarks[:16])
    control, fake = PseudoFake()(still, "flicker", np.random.default_rng(0))
    assert control is still
    x0, y0, x1, y1 = still.boxes[0]
    for before, after, step in ((still.y, fake.y, 1), (still.u, fake.u, 2)):
        grid = np.arange(before.shape[1]) * step + step / 2
        radius = np.hypot((grid - (x0 + x1) / 2) / (x1 - x0), (grid[:, None] - (y0 + y1) / 2) / (y1 - y0)) * 2
        assert not (before != after)[:, radius > 1.1].any()
    levels = fake.y[:, 56:72, 56:72].mean((1, 2))
    assert len({round(level, 2) for level in levels}) == 16
    assert levels.std() > 1


def test_the_seed_decides_and_the_given_footage_is_left_alone() -> None:
    source = footage()
    kept = source.y.copy()
    made = [PseudoFake()(source, "flicker", np.random.default_rng(seed))[1].y for seed in (3, 3, 4)]
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
    assert np.array_equal(source.y, kept)
    assert {len(PseudoFake()(source, None, np.random.default_rng(seed))[1].y) == 48 for seed in range(12)} == {
        True,
        False,
    }


def test_a_face_outside_of_the_frame_leaves_it_as_it_was() -> None:
    source = footage(16)
    source.boxes[3] += 900
    _, fake = PseudoFake()(source, "flicker", np.random.default_rng(0))
    assert np.array_equal(fake.y[3], source.y[3])


def test_too_few_frames_say_so() -> None:
    with pytest.raises(MediaError, match="1 frames are too few"):
        PseudoFake()(footage(1), "repeat", np.random.default_rng(0))


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"repaet.*repeat"):
        PseudoFake()(footage(16), "repaet", np.random.default_rng(0))


def test_time_is_broken_every_five_to_ten_frames_from_the_first_on() -> None:
    drawn = [_places(60, np.random.default_rng(seed)) for seed in range(400)]
    assert {places[0] for places in drawn} == set(range(1, 10))
    assert {int(gap) for places in drawn for gap in np.diff(places)} == set(range(5, 11))
    assert max(places[-1] for places in drawn) == 59
    assert min(places[-1] for places in drawn) == 50


def test_one_to_three_frames_are_dropped_and_never_the_last() -> None:
    source = footage()
    gaps: set[int] = set()
    for seed in range(60):
        shown = numbers(PseudoFake()(source, "drop", np.random.default_rng(seed))[1])
        gaps |= set(np.diff(shown).tolist())
        assert (shown[0], shown[-1]) == (0, 47)
    assert gaps == {1, 2, 3, 4}


def test_silent_footage_is_cut_too() -> None:
    control, fake = PseudoFake()(replace(footage(), audio=None), "drop", np.random.default_rng(0))
    assert control.audio is fake.audio is None
    assert len(control.y) == len(fake.y) < 48
