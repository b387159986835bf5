"""Speech: one clock for mouth and audio, whatever the file's frames do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dfcore.data.clips import Speech
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.media import DecodedFrame, MediaInfo
from dfcore.data.prepare.extract import extract_clips
from dfcore.data.prepare.speech import AudioTrack, mouth_squares, small_frame, speech_spans
from dfcore.data.prepare.videos import prepare_videos
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.write import write_video
from dfcore.errors import MediaError, UsageError
from dfcore.testing.media import click, tone
from dfcore.testing.media import write_video as write_file

FIXED = "fake_parts:FixedFace"
PLAN = ClipPlan(clips=1, frames=8, detector=FIXED, speech=2.4)
SIZE = (160, 128)
SECONDS = 4.0


def flat(level: float) -> NDArray[np.uint8]:
    """A grey image."""
    return np.full((SIZE[1], SIZE[0], 3), round(level), np.uint8)


def level_at(time: float) -> float:
    """The image's brightness tells the time: 40 a second, from 40."""
    return 40 + 40 * time


def clock_video(path: Path, times: list[float], fps: float, **options: object) -> Path:
    return write_file(
        path,
        width=SIZE[0],
        height=SIZE[1],
        frames=len(times),
        fps=fps,
        times=times,
        image=lambda index: flat(level_at(times[index])),
        options={"crf": "4"},
        **options,  # type: ignore[arg-type]
    )


def shown_at(speech: Speech) -> NDArray[np.floating]:
    """The time that each mouth image tells; limited range."""
    levels = (speech.mouth.mean((1, 2), dtype=np.float64) - 16) * 255 / 219
    return np.asarray((levels - 40) / 40)


@pytest.mark.parametrize("fps", [24.0, 25.0, 30000 / 1001, 30.0, 60.0])
def test_the_clock_is_that_of_the_time_stamps(tmp_path: Path, fps: float) -> None:
    times = [k / fps for k in range(round(SECONDS * fps))]
    path = clock_video(tmp_path / "v.mp4", times, fps)
    speech = extract_clips(path, PLAN)[0].speech
    assert speech is not None
    assert speech.mouth.shape == (60, 96, 96)
    assert speech.present.all()
    want = speech.start + np.arange(60) / 25
    assert np.abs(shown_at(speech) - want).max() < 0.5 / fps + 0.02  # half a frame, and a level of brightness
    assert abs((shown_at(speech) - want).mean()) < 0.35 / fps
    assert speech.start == pytest.approx(SECONDS / 2 - 1.2, abs=1 / fps)


def test_frames_at_uneven_times_are_placed_by_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    times = list(np.cumsum(rng.choice([0.016, 0.033, 0.05], 110)))
    times = [round(t - times[0], 4) for t in times]
    speech = extract_clips(clock_video(tmp_path / "v.mp4", times, 30.0), PLAN)[0].speech
    assert speech is not None
    want = speech.start + np.arange(60) / 25
    assert np.abs(shown_at(speech) - want).max() < 0.025 + 0.02


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_the_mouth_of_a_lying_video_is_cut_upright(tmp_path: Path, rotation: int) -> None:
    rows, columns = np.mgrid[:128, :160]
    upright = np.stack([40 + rows / 2 + columns] * 3, -1).astype(np.uint8)  # no two sides alike
    upright[(rows // 8 + columns // 12) % 3 == 0] //= 2

    def mouth(turns: int) -> NDArray[np.uint8]:
        coded = np.rot90(upright, turns)  # a player turns it back, clockwise
        path = write_file(
            tmp_path / f"{turns}.mp4",
            width=coded.shape[1],
            height=coded.shape[0],
            frames=70,
            image=lambda _: np.ascontiguousarray(coded),
            rotation=90 * turns,
            options={"crf": "4"},
        )
        speech = extract_clips(path, PLAN)[0].speech
        assert speech is not None
        assert speech.present.all()
        return speech.mouth[30]

    expected, found = (mouth(turns).astype(int) for turns in (0, rotation // 90))
    assert expected.std() > 20
    assert np.abs(found - expected).mean() < 3
    assert np.abs(np.rot90(found, 2) - expected).mean() > 15


def test_a_hole_in_the_frames_is_marked_and_filled_with_the_nearest(tmp_path: Path) -> None:
    times = [k / 25 for k in range(100) if not 45 <= k < 60]
    speech = extract_clips(clock_video(tmp_path / "v.mp4", times, 25.0), PLAN)[0].speech
    assert speech is not None
    points = speech.start + np.arange(60) / 25
    inside = (points > 44 / 25 + 0.07) & (points < 60 / 25 - 0.07)
    assert inside.sum() >= 8
    assert not speech.present[inside].any()
    assert speech.present[(points < 44 / 25) | (points > 60 / 25)].all()
    held = shown_at(speech)[inside]
    assert np.minimum(abs(held - 44 / 25), abs(held - 60 / 25)).max() < 0.1


@pytest.mark.parametrize("fps", [24.0, 30000 / 1001])
def test_the_audio_is_exactly_the_spans(tmp_path: Path, fps: float) -> None:
    times = [k / fps for k in range(round(SECONDS * fps))]
    path = clock_video(tmp_path / "v.mp4", times, fps, audio=click(SECONDS, 2.1))
    speech = extract_clips(path, PLAN)[0].speech
    assert speech is not None
    assert speech.audio is not None
    assert speech.audio.shape == (38400,)
    assert speech.start + np.abs(speech.audio.astype(int)).argmax() / 16000 == pytest.approx(2.1, abs=0.002)


def test_a_video_shorter_than_its_speech_is_silent_and_absent_beyond_its_ends(tmp_path: Path) -> None:
    times = [k / 25 for k in range(25)]
    speech = extract_clips(clock_video(tmp_path / "v.mp4", times, 25.0, audio=tone(1.0)), PLAN)[0].speech
    assert speech is not None
    assert speech.audio is not None
    assert len(speech.audio) == 38400
    assert speech.start < 0
    assert 24 <= speech.present.sum() <= 27
    before = round(-speech.start * 16000)
    assert not speech.audio[: before - 200].any()
    assert np.abs(speech.audio[before + 2000 : before + 8000].astype(int)).max() > 8000
    assert not speech.audio[before + 20000 :].any()


def test_files_without_audio_and_plans_without_speech(tmp_path: Path) -> None:
    path = clock_video(tmp_path / "v.mp4", [k / 25 for k in range(100)], 25.0)
    speech = extract_clips(path, PLAN)[0].speech
    assert speech is not None
    assert speech.audio is None
    clip = extract_clips(path, ClipPlan(clips=1, frames=8, detector=FIXED))[0]
    assert clip.speech is None
    assert clip.header.speech_start is None
    assert speech_spans(path, fake_info("image", 1), [range(1)], 2.4) == {}


def fake_info(kind: str, frames: int) -> object:
    from types import SimpleNamespace

    return SimpleNamespace(kind=kind, frame_count=frames, fps=25.0)


def test_what_a_clip_holds_does_not_depend_on_its_speech(tmp_path: Path) -> None:
    path = clock_video(tmp_path / "v.mp4", [k / 25 for k in range(100)], 25.0, audio=tone(4.0))
    without, beside = (
        extract_clips(path, ClipPlan(clips=2, frames=8, detector=FIXED, speech=seconds)) for seconds in (0, 2.4)
    )
    for a, b in zip(without, beside, strict=True):
        assert np.array_equal(a.y, b.y)
        assert np.array_equal(a.audio, b.audio)  # type: ignore[arg-type]
        assert a.header.frames == b.header.frames


def test_the_store_gives_speech_back_and_completes_what_lacks_it(tmp_path: Path) -> None:
    path = clock_video(tmp_path / "v.mp4", [k / 25 for k in range(100)], 25.0, audio=tone(4.0))
    clips = extract_clips(path, PLAN)
    store = ClipStore(tmp_path / "store")
    store.add(write_video(store.root, "v", clips, PLAN))
    for found in (ClipStore(store.root).open("v").access(0).speech(), store.open("v").load(0).speech):
        kept = clips[0].speech
        assert found is not None
        assert kept is not None
        assert np.array_equal(found.mouth, kept.mouth)
        assert np.array_equal(found.present, kept.present)
        assert found.present.dtype == bool
        assert np.array_equal(found.audio, kept.audio)  # type: ignore[arg-type]
        assert found.start == kept.start
    plain = ClipPlan(clips=1, frames=8, detector=FIXED)
    store.add(write_video(store.root, "w", extract_clips(path, plain), plain))
    assert store.open("w").access(0).speech() is None
    assert not store.entry("w").plan.covers(PLAN)
    assert store.entry("v").plan.covers(plain)
    assert plain.union(PLAN).speech == 2.4


def test_preparing_again_with_speech_completes_the_store(tmp_path: Path) -> None:
    path = clock_video(tmp_path / "v.mp4", [k / 25 for k in range(100)], 25.0, audio=tone(4.0))
    record = VideoRecord(id="v", path=path, label=0)
    store = ClipStore(tmp_path / "store")
    plain = ClipPlan(clips=2, frames=8, detector=FIXED)
    prepare_videos([record], store, plain, workers=1, progress=False)
    assert store.open("v").access(0).speech() is None
    assert prepare_videos([record], store, PLAN, workers=1, progress=False).done == 1
    assert len(store.open("v")) == 2  # the union of both plans
    assert all(store.open("v").access(i).speech() is not None for i in range(2))
    assert prepare_videos([record], store, plain, workers=1, progress=False).reused == 1


def test_silence_is_kept_apart_from_no_audio(tmp_path: Path) -> None:
    path = clock_video(tmp_path / "v.mp4", [k / 25 for k in range(100)], 25.0)
    store = ClipStore(tmp_path / "store")
    store.add(write_video(store.root, "v", extract_clips(path, PLAN), PLAN))
    found = store.open("v").access(0).speech()
    assert found is not None
    assert found.audio is None


@pytest.mark.parametrize("seconds", [-1.0, 60.0, float("nan")])
def test_a_plan_refuses_impossible_seconds(seconds: float) -> None:
    with pytest.raises(UsageError, match="speech"):
        ClipPlan(speech=seconds)


def test_the_mouths_square_follows_the_head_and_keeps_its_size() -> None:
    boxes = np.tile([100.0, 100.0, 200.0, 220.0], (20, 1))
    points = np.tile([[130.0, 140], [170, 140], [150, 160], [135, 190], [165, 190]], (20, 1, 1))
    drift = np.arange(20)[:, None] * np.array([2.0, 0.0])
    squares = mouth_squares(boxes + np.tile(drift, (1, 2)), points + drift[:, None])
    assert np.ptp(squares[:, 2]) == 0
    assert squares[0, 2] == pytest.approx(57)  # 1.9 times 30
    assert np.diff(squares[2:-2, 0]) == pytest.approx(2.0)
    assert squares[5, 1] + squares[5, 2] / 2 == pytest.approx(190 + 0.12 * 57)


def test_a_large_frame_is_halved_by_means_until_it_is_no_longer_than_the_limit() -> None:
    y = np.random.default_rng(0).integers(0, 256, (120, 2000), np.uint8)
    chroma = np.zeros((60, 1000), np.uint8)
    frame = DecodedFrame(0, 0.0, "I", y, chroma, chroma)
    info = MediaInfo(
        Path(), "video", 2000, 120, 25.0, 9, 0.36, "h264", "yuv420p", "", "tv", "bt709", 0, has_audio=False
    )
    small = small_frame(frame, info)
    assert (small.luma.shape, small.scale) == ((30, 500), 0.25)
    blocks = y.astype(np.float64).reshape(30, 4, 500, 4).mean(axis=(1, 3))
    assert np.abs(small.luma - blocks).max() <= 1.01  # rounded twice
    narrow = np.ascontiguousarray(y[:, :960])
    kept = small_frame(replace(frame, y=narrow), replace(info, width=960))
    assert kept.scale == 1.0
    assert np.array_equal(kept.luma, narrow)
    assert not np.shares_memory(kept.luma, narrow)  # the decoder's own memory must not be held


def test_audio_before_the_beginning_is_silence() -> None:
    audio = AudioTrack(np.arange(1, 16001).astype(np.int16))
    assert audio.between(-0.001, 0.001).tolist() == [0] * 16 + list(range(1, 17))
    assert audio.between(-2.0, -1.0).tolist() == [0] * 16000
    assert audio.between(2.0, 3.0).tolist() == [0] * 16000


def test_no_mouth_where_the_person_is_never_in_view(tmp_path: Path) -> None:
    path = clock_video(tmp_path / "v.mp4", [k / 25 for k in range(100)], 25.0)
    with pytest.raises(MediaError, match="no face"):
        extract_clips(path, ClipPlan(clips=1, frames=8, detector="fake_parts:NoFace", speech=2.4))
