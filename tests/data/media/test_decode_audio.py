"""Audio is where the video's clock says it is, to the sample where the container can say so."""

from fractions import Fraction

import av
import numpy as np
import pytest

from dfcore.data.media import decode_audio
from dfcore.data.media.audio import AudioSpans, decode_audio_spans
from dfcore.errors import MediaError
from dfcore.testing.media import click, tone, write_video

RATE = 16000
SMALL = {"width": 64, "height": 48, "frames": 30}


def peak(samples) -> float:
    return float(np.abs(samples.astype(int)).argmax() / RATE)


@pytest.mark.parametrize(
    ("name", "settings", "tolerance"),
    [
        ("a.mkv", {"audio_codec": "pcm_s16le"}, 1),
        ("a.mov", {"audio_codec": "pcm_s16le"}, 1),
        ("a.mp4", {"audio_codec": "aac"}, 1),
        ("a.ts", {"audio_codec": "aac"}, 1),
        ("a.mpg", {"audio_codec": "mp2", "codec": "mpeg1video"}, 1),
        ("a.webm", {"audio_codec": "libopus", "codec": "libvpx", "options": {"cpu-used": "8"}}, 16),  # ms stamps
    ],
)
def test_a_click_is_found_where_it_was_put(tmp_path, name, settings, tolerance):
    path = write_video(tmp_path / name, **SMALL, audio=click(1.2, 0.7), **settings)
    samples = decode_audio(path, 0.5, 1.0)
    assert samples.dtype == np.int16
    assert samples.shape == (8000,)
    assert abs(peak(samples) - 0.2) * RATE <= tolerance
    assert np.abs(samples.astype(int)).max() > 20000


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "pcm_s16le"), ("a.ts", "aac")])
@pytest.mark.parametrize(("video_start", "audio_start"), [(0.0, 0.4), (0.8, 0.4)])
def test_starts_of_both_tracks_are_taken_into_account(tmp_path, name, codec, video_start, audio_start):
    times = video_start + np.arange(30) / 25
    path = write_video(
        tmp_path / name, **SMALL, times=times, audio=click(1.5, 0.7), audio_codec=codec, audio_start=audio_start
    )
    expected = audio_start + 0.7 - video_start  # on the video's clock
    samples = decode_audio(path, 0.0, 2.0)
    assert samples.shape == (32000,)
    assert abs(peak(samples) - expected) * RATE <= 17  # Matroska's stamps are whole milliseconds
    silent = round(max(0.0, audio_start - video_start) * RATE)
    assert not samples[: max(0, silent - 200)].any()


def test_a_span_is_a_slice_of_the_whole(tmp_path):
    path = write_video(tmp_path / "a.mp4", **SMALL, audio=tone(1.2))
    whole = decode_audio(path)
    assert len(whole) >= 1.2 * RATE - 1
    for start, stop in ((0.0, 0.5), (0.10005, 0.87704), (0.3, 0.3), (1 / 3, 2 / 3)):
        first, last = round(start * RATE), round(stop * RATE)
        np.testing.assert_array_equal(decode_audio(path, start, stop), whole[first:last])


def test_outside_the_track_is_silence_of_the_asked_length(tmp_path):
    path = write_video(tmp_path / "a.mkv", **SMALL, audio=tone(0.5), audio_codec="pcm_s16le")
    samples = decode_audio(path, -0.25, 1.0)
    assert samples.shape == (20000,)
    assert not samples[:4000].any()
    assert not samples[12100:].any()
    assert samples[4100:11900].std() > 5000
    assert not decode_audio(path, 3.0, 3.1).any()


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_a_tone_keeps_its_pitch_and_level(tmp_path, rate):
    path = write_video(
        tmp_path / "a.mov",
        **SMALL,
        audio=tone(1.0, 440.0, rate=rate, level=0.5),
        audio_codec="pcm_s16le",
        audio_rate=rate,
    )
    samples = decode_audio(path, 0.0, 1.0).astype(float)
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum.argmax() == 440
    assert spectrum[440] * 2 / RATE == pytest.approx(0.5 * 32767, rel=0.01)


def test_a_hole_in_the_track_stays_silent_and_what_follows_stays_in_place(tmp_path):
    path = tmp_path / "hole.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48000, layout="mono")
        for start, samples in ((0.0, tone(0.5)), (1.5, click(0.5, 0.2))):
            for at in range(0, len(samples), 2400):
                frame = av.AudioFrame.from_ndarray(samples[None, at : at + 2400], format="s16", layout="mono")
                frame.sample_rate, frame.time_base, frame.pts = 48000, Fraction(1, 48000), round(start * 48000) + at
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    samples = decode_audio(path, 0.0, 2.0)
    assert samples[:8000].std() > 5000
    assert samples[7980:7998].std() > 2000, "what the resampler still held is missing"
    assert not samples[8100:23900].any()
    assert peak(samples[16000:]) == pytest.approx(0.7, abs=0.0011)


def test_a_audio_file_alone_is_read_from_its_own_start(tmp_path):
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(click(0.5, 0.25, rate=RATE)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert peak(decode_audio(path)) == 0.25


def test_no_audio_track_gives_none(tmp_path):
    assert decode_audio(write_video(tmp_path / "a.mp4", width=64, height=48, frames=3)) is None


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(MediaError, match="no such file"):
        decode_audio(tmp_path / "none.mp4")


def test_memory_grows_with_what_is_decoded_whatever_the_time_stamps_say(tmp_path, caplog):
    def written(name, jump):
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
            for index in range(40):
                block = av.AudioFrame.from_ndarray(np.full((1, 1600), 1000, np.int16), format="s16", layout="mono")
                block.sample_rate, block.time_base = RATE, Fraction(1, RATE)
                block.pts = 1600 * index + (jump if index >= 20 else 0)
                container.mux(stream.encode(block))
            container.mux(stream.encode(None))
        return path

    assert len(decode_audio(written("gap.mkv", 5 * RATE))) == 9 * RATE
    assert not caplog.text
    samples = decode_audio(written("huge.mkv", 40_000_000 * RATE))
    assert len(samples) == 2 * RATE
    assert "a hole at 2 s that is longer than the audio" in caplog.text


def test_frames_that_cannot_be_resampled_are_left_out(tmp_path, monkeypatch, caplog):
    path = write_video(tmp_path / "a.mkv", **SMALL, audio=tone(1.0), audio_codec="pcm_s16le")
    whole = decode_audio(path)
    resampler = av.AudioResampler
    made = []

    class Fails:
        def __init__(self, **how):
            made.append(self)
            self.number, self.real = len(made), resampler(**how)

        def resample(self, frame):
            if self.number == 1 and frame is not None and frame.pts and frame.pts * frame.time_base > 0.5:
                raise av.error.ArgumentError(22, "Invalid argument")
            return self.real.resample(frame)

    monkeypatch.setattr(av, "AudioResampler", Fails)
    samples = decode_audio(path)
    assert "1 damaged audio frames were left out" in caplog.text
    assert abs(len(samples) - len(whole)) < 100
    half = slice(0, RATE // 2)
    assert np.abs(samples[half].astype(int) - whole[half]).max() < 100


def test_stretches_that_touch_are_held_once_and_each_gives_what_a_span_gives(tmp_path):
    path = write_video(tmp_path / "a.mkv", **SMALL, audio=tone(1.2), audio_codec="pcm_s16le")
    spans = [(0.8, 0.9), (0.1, 0.3), (0.3, 0.4), (0.15, 0.2), (-0.1, 0.05)]
    found = decode_audio_spans(path, spans)
    assert [(at, len(samples)) for at, samples in found.stretches] == [(-1600, 2400), (1600, 4800), (12800, 1600)]
    for start, stop in spans:
        np.testing.assert_array_equal(found.between(start, stop), decode_audio(path, start, stop))
    assert not found.between(0.5, 0.7).any()  # not asked for
    assert decode_audio_spans(path, []).stretches == ()
    assert decode_audio_spans(write_video(tmp_path / "b.mp4", **SMALL), spans) is None


def test_times_between_samples_are_rounded_to_the_nearest():
    spans = AudioSpans(((10, np.arange(1, 6, dtype=np.int16)),))
    assert spans.between(11.6 / RATE, 13.7 / RATE).tolist() == [3, 4]
    assert spans.between(11.4 / RATE, 14.0 / RATE).tolist() == [2, 3, 4]  # 2.6 samples are 3
    assert spans.between(8 / RATE, 12 / RATE).tolist() == [0, 0, 1, 2]
    assert spans.between(14 / RATE, 17 / RATE).tolist() == [5, 0, 0]
    assert spans.between(-2 / RATE, 0).tolist() == [0, 0]
    assert AudioSpans(()).between(0, 2 / RATE).tolist() == [0, 0]
