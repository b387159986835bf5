"""The pseudo-fake: how far the voice moves, that nothing else does, and when it cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dfcore.data.protocols import Footage
from dfcore.errors import MediaError, UnknownNameError
from dfcore.testing.views import made_clip
from dfs_av.pseudo_fake import KINDS, PseudoFake, _shifted

LEAD = 16000


def footage(frames: int = 60) -> Footage:
    clip = made_clip(3, frames=frames, size=64)
    rng = np.random.default_rng(0)
    audio, other = (rng.integers(-9000, 9000, round(frames / 25 * 16000) + 2 * LEAD).astype(np.int16) for _ in "ab")
    return Footage(
        clip.y, clip.u, clip.v, np.array(clip.header.boxes), np.array(clip.header.landmarks), 25.0, audio, 1.0, other
    )


@pytest.mark.parametrize("kind", ["shift1", "shift3", "shift5", "shift10"])
def test_the_voice_moves_by_whole_frames_to_either_side(kind: str) -> None:
    source = footage()
    moved = set()
    for seed in range(8):
        control, fake = PseudoFake()(source, kind, np.random.default_rng(seed))
        assert control is source
        assert fake.y is source.y
        assert fake.audio is not None
        assert source.audio is not None
        span = fake.audio[LEAD:-LEAD]
        for late in (-KINDS[kind], KINDS[kind]):
            at = LEAD - late * 640
            if np.array_equal(span, source.audio[at : at + len(span)]):
                moved.add(late)
    assert moved == {-KINDS[kind], KINDS[kind]}


def test_nothing_is_wrapped_around() -> None:
    source = footage()
    _, fake = PseudoFake()(source, "shift10", np.random.default_rng(0))
    assert fake.audio is not None
    ends = fake.audio[:6400], fake.audio[-6400:]
    assert sum(not end.any() for end in ends) == 1


def test_where_the_file_ends_control_and_fake_lose_the_same_frames() -> None:
    source = footage()
    assert source.audio is not None
    short = source.audio.copy()
    short[: LEAD - 1600] = 0  # 0.1 s of audio before the first frame, none after the last
    short[-LEAD:] = 0
    lost = set()
    for seed in range(8):
        control, fake = PseudoFake()(replace(source, audio=short), "shift10", np.random.default_rng(seed))
        assert control.audio is not None
        assert fake.audio is not None
        assert len(control.y) == len(fake.y) == len(fake.boxes)
        assert len(control.audio) == len(fake.audio) == round((len(fake.y) / 25 + 2) * 16000)
        span = fake.audio[LEAD:-LEAD]
        assert min(span[:640].any(), span[-640:].any())
        begin = 8 if np.array_equal(fake.y[0], source.y[8]) else 0
        assert np.array_equal(control.audio[LEAD:-LEAD], short[LEAD + begin * 640 :][: len(span)])
        lost.add((begin, 60 - len(fake.y)))
    assert lost == {(8, 8), (0, 10)}  # 0.3 s at the beginning, 0.4 s at the end


def test_another_voice_is_taken_whole_and_as_loud_as_the_own() -> None:
    source = footage()
    assert source.audio is not None
    assert source.other_audio is not None
    source = replace(source, other_audio=source.other_audio // 5)
    kept = None if source.audio is None else source.audio.copy()
    _, fake = PseudoFake()(source, "other", np.random.default_rng(0))
    assert fake.audio is not None
    assert np.corrcoef(fake.audio, source.other_audio)[0, 1] > 0.999  # type: ignore[arg-type]
    assert fake.audio.std() == pytest.approx(kept.std(), rel=0.01)  # type: ignore[union-attr]
    assert np.array_equal(source.audio, kept)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "kind", "reason"),
    [
        ({"audio": None}, "shift3", "its audio is missing"),
        ({"audio": np.zeros(70400, np.int16)}, "shift3", r"0\.00 s of voice; 1 s"),
        ({"other_audio": None}, "other", "the other person's audio is missing"),
        ({"other_audio": np.full(70400, 3000, np.int16)}, "other", r"0\.00 s of voice"),
        ({"other_audio": np.tile(np.array([3000, -3000], np.int16), 35000)}, "other", "70000 samples; 70400"),
        ({"lead": 0.2}, "shift10", r"shift10 needs 0\.40 s"),
    ],
)
def test_what_cannot_be_damaged_says_why(change: dict[str, object], kind: str, reason: str) -> None:
    with pytest.raises(MediaError, match=reason):
        PseudoFake()(replace(footage(), **change), kind, np.random.default_rng(0))  # type: ignore[arg-type]


def test_the_kind_is_drawn_and_an_unknown_one_named() -> None:
    source = footage()
    made = [PseudoFake()(source, None, np.random.default_rng(seed))[1].audio for seed in range(20)]
    assert len({audio.tobytes() for audio in made if audio is not None}) > 4
    with pytest.raises(UnknownNameError, match=r"shift4.*shift"):
        PseudoFake()(source, "shift4", np.random.default_rng(0))


def test_the_audio_beyond_the_frames_may_be_just_as_long_as_the_shift() -> None:
    source = footage()
    assert source.audio is not None
    tight = replace(source, audio=source.audio[LEAD - 6400 : -(LEAD - 6400)], lead=0.4)
    assert PseudoFake()(tight, "shift10", np.random.default_rng(0))[1].audio is not None
    with pytest.raises(MediaError, match=r"shift10 needs 0\.40 s of audio beyond the frames; there are 0\.39 s"):
        PseudoFake()(replace(tight, lead=0.39), "shift10", np.random.default_rng(0))


def test_at_another_frame_rate_as_many_seconds_are_lost() -> None:
    """120 frames at 50 a second: 0.3 s missing at the beginning are 15 of them, 0.4 s at the end 20."""
    source = replace(footage(120), fps=50.0)
    assert source.audio is not None
    short, other = source.audio[: round(4.4 * 16000)].copy(), np.arange(round(4.4 * 16000)).astype(np.int16)
    short[: LEAD - 1600], short[-LEAD:] = 0, 0
    lost = set()
    for seed in range(8):
        given = replace(source, audio=short, other_audio=other)
        control, fake = PseudoFake()(given, "shift10", np.random.default_rng(seed))
        first = 15 if len(fake.y) == 105 else 0
        lost.add((first, 120 - len(fake.y)))
        assert np.array_equal(fake.y, source.y[first : first + len(fake.y)])
        assert control.audio is not None
        samples = slice(first * 320, first * 320 + round((len(fake.y) / 50 + 2) * 16000))
        assert np.array_equal(control.audio, short[samples])
        for made in (control, fake):
            assert made.other_audio is not None
            assert np.array_equal(made.other_audio, other[samples])
    assert lost == {(15, 15), (0, 20)}


@pytest.mark.parametrize("late", [0, 3, -3, 10])
def test_a_shift_leaves_silence_behind_it(late: int) -> None:
    audio = np.arange(1, 11).astype(np.int16)
    moved = [0] * late + list(range(1, 11 - late)) if late >= 0 else [*range(1 - late, 11), *[0] * -late]
    assert _shifted(audio, late).tolist() == moved


@pytest.mark.parametrize(("points", "enough"), [(24, False), (25, True)])
def test_a_second_of_voice_within_the_frames_is_enough(points: int, enough: bool) -> None:
    source = footage()
    assert source.audio is not None
    audio = source.audio.copy()
    audio[LEAD + points * 640 : -LEAD] = 0  # loud before and after the frames, which does not count
    audio[LEAD + points * 640] = 1
    if enough:
        PseudoFake()(replace(source, audio=audio), "shift1", np.random.default_rng(0))
    else:
        with pytest.raises(MediaError, match=r"its audio has 0\.96 s of voice; 1 s are needed"):
            PseudoFake()(replace(source, audio=audio), "shift1", np.random.default_rng(0))
