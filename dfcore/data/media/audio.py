"""Audio: 16 kHz mono, on the video's clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from dfcore.data.media.container import log, open_media, origin, video_stream
from dfcore.data.media.images import is_image
from dfcore.data.media.stream import packets
from dfcore.errors import MediaError

__all__ = ["SAMPLE_RATE", "AudioSpans", "decode_audio", "decode_audio_spans"]

SAMPLE_RATE = 16000
_HOLE = 0.02  # seconds: a larger jump of the time stamps is a hole in the track, not rounding


def decode_audio(path: Path, start: float | None = None, stop: float | None = None) -> NDArray[np.int16] | None:
    """The audio of exactly [start, stop) seconds, int16 ``[round(stop * 16000) - round(start * 16000)]``, mono.

    Second 0 is the start of the video stream, as in ``DecodedFrame.time`` (of the audio, in a file without video).
    Where the track has nothing the result is 0. Reads the track from its beginning: for several spans of one
    file, ask once and slice.

    Args:
        path: the file.
        start: 0 when None.
        stop: the end of the audio track when None.

    Returns:
        The samples; None when there is no audio track, or nothing of it can be decoded.

    Raises:
        MediaError: the file cannot be opened.
    """
    path = Path(path)
    if is_image(path):
        return None
    with open_media(path) as container:
        streams = [s for s in container.streams.audio if s.codec_context is not None]
        if not streams:
            return None
        first = round((start or 0.0) * SAMPLE_RATE)
        last = None if stop is None else round(stop * SAMPLE_RATE)
        pieces = []
        for at, samples in _pieces(container, streams[0], path):
            pieces.append((at, samples))
            if last is not None and at + len(samples) >= last:
                break
    if not pieces:
        log.warning("%s: nothing of the audio track can be decoded", path)
        return None
    return _span(pieces, first, last)


def _zero(container: Any, audio: Any, path: Path) -> float:
    """Container time that is 0 on the video's clock."""
    try:
        return origin(video_stream(container, path))
    except MediaError:  # a file of audio alone
        return origin(audio)


def _pieces(container: Any, stream: Any, path: Path) -> Iterator[tuple[int, NDArray[np.int16]]]:
    """Resampled runs, each with the video's time of its first sample in 1/16000 s.

    A hole in the time stamps, or another format in mid-stream, starts a new resampler at the new place.
    """
    zero = _zero(container, stream, path)
    resampler: Any = None
    kind: tuple[str, str, int] | None = None
    at, due = 0, 0.0
    for frame in _frames(container, stream, path):
        frame.time_base = stream.time_base  # unset in what comes out at the end
        time = due if frame.pts is None else float(frame.pts * stream.time_base) - zero
        found = (frame.format.name, frame.layout.name, frame.sample_rate)
        if found != kind or abs(time - due) > _HOLE:
            if resampler is not None:
                yield at, _samples(resampler.resample(None))
            resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
            kind, at, due = found, round(time * SAMPLE_RATE), time
        due += frame.samples / frame.sample_rate
        samples = _samples(resampler.resample(frame))
        yield at, samples
        at += len(samples)
    if resampler is not None:
        yield at, _samples(resampler.resample(None))


def _frames(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    damaged = 0
    for packet in chain(packets(container, stream, path), (None,)):
        try:
            yield from stream.decode(packet)
        except av.FFmpegError:
            damaged += 1
    if damaged:
        log.warning("%s: %d damaged audio packets were left out", path, damaged)


def _samples(frames: list[Any]) -> NDArray[np.int16]:
    parts = [frame.to_ndarray().reshape(-1) for frame in frames]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def _span(pieces: list[tuple[int, NDArray[np.int16]]], first: int, last: int | None) -> NDArray[np.int16]:
    if last is None:
        last = max(first, max(at + len(samples) for at, samples in pieces))
    out = np.zeros(max(0, last - first), np.int16)
    for at, samples in pieces:
        begin, end = max(at, first), min(at + len(samples), last)
        if begin < end:
            out[begin - first : end - first] = samples[begin - at : end - at]
    return out


@dataclass(frozen=True, slots=True)
class AudioSpans:
    """Stretches of an audio track: int16 samples, and the index of the first of each at 16 kHz from the video's 0."""

    stretches: tuple[tuple[int, NDArray[np.int16]], ...]

    def between(self, start: float, stop: float) -> NDArray[np.int16]:
        """The samples of [start, stop) seconds, silence where there are none; start may be negative."""
        first = round(start * SAMPLE_RATE)
        last = first + round((stop - start) * SAMPLE_RATE)
        return _span(list(self.stretches), first, last)


def decode_audio_spans(path: Path, spans: Sequence[tuple[float, float]]) -> AudioSpans | None:
    """The audio of some stretches of a file, ``(start, stop)`` in seconds as in :func:`decode_audio`, read once.

    Memory grows with the stretches, whatever the file's length or its time stamps say.

    Returns:
        None when there is no audio track, or nothing of it can be decoded.

    Raises:
        MediaError: the file cannot be opened.
    """
    path = Path(path)
    if is_image(path):
        return None
    joined: list[list[int]] = []
    for start, stop in sorted((round(a * SAMPLE_RATE), round(b * SAMPLE_RATE)) for a, b in spans):
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], stop)
        else:
            joined.append([start, stop])
    held = [(start, np.zeros(max(0, stop - start), np.int16)) for start, stop in joined]
    found = False
    with open_media(path) as container:
        streams = [s for s in container.streams.audio if s.codec_context is not None]
        for at, samples in _pieces(container, streams[0], path) if streams else ():
            found = True
            for first, out in held:
                begin, end = max(at, first), min(at + len(samples), first + len(out))
                if begin < end:
                    out[begin - first : end - first] = samples[begin - at : end - at]
            if joined and at >= joined[-1][1]:
                break
    if streams and not found:
        log.warning("%s: nothing of the audio track can be decoded", path)
    return AudioSpans(tuple(held)) if found else None
