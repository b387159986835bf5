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

from dfcore.data.media.container import audio_stream, log, open_media, origin, video_stream
from dfcore.data.media.images.still import is_animated_webp, is_image
from dfcore.data.media.stream import packets
from dfcore.errors import MediaError

__all__ = ["SAMPLE_RATE", "AudioSpans", "decode_audio", "decode_audio_spans"]

SAMPLE_RATE = 16000
_HOLE = 0.02  # seconds: a larger jump of the time stamps is a hole in the track, not rounding
_SILENCE = 60.0
"""Seconds of holes, beyond as many as there is audio, that a whole track is filled up with."""


def decode_audio(path: Path, start: float | None = None, stop: float | None = None) -> NDArray[np.int16] | None:
    """The audio of exactly [start, stop) seconds, int16 ``[round(stop * 16000) - round(start * 16000)]``, mono.

    Second 0 is the start of the video stream, as in ``DecodedFrame.time`` (of the audio, in a file without video).
    Where the track has nothing the result is 0. Memory grows with what is decoded or asked for, not with time stamps:
    behind holes that are longer than the audio, and than a minute, a whole track ends. Reads the track from its
    beginning: for several spans of one file, ask once and slice.

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
    if is_image(path) or is_animated_webp(path):
        return None
    with open_media(path) as container:
        stream = audio_stream(container)
        if stream is None:
            return None
        first = round((start or 0.0) * SAMPLE_RATE)
        last = None if stop is None else round(stop * SAMPLE_RATE)
        pieces: list[tuple[int, NDArray[np.int16]]] = []
        decoded, end = 0, first
        for at, samples in _pieces(container, stream, path):
            if last is None and len(samples) and at - first - decoded > _SILENCE * SAMPLE_RATE + decoded:
                log.warning("%s: its audio has a hole at %.0f s that is longer than the audio; the rest is left out",
                            path, end / SAMPLE_RATE)  # fmt: skip
                break
            pieces.append((at, samples))
            decoded, end = decoded + len(samples), at + len(samples)
            if last is not None and end >= last:
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

    A hole in the time stamps, or another format in mid-stream, starts a new resampler at the new place. What cannot be
    resampled (a damaged frame may say anything of its format) is left out like what cannot be decoded.
    """
    zero = _zero(container, stream, path)
    run: _Run | None = None
    due, damaged = 0.0, 0
    for frame in _frames(container, stream, path):
        if frame.sample_rate <= 0 or frame.samples <= 0:
            damaged += 1
            continue
        frame.time_base = stream.time_base  # unset in what comes out at the end
        time = due if frame.pts is None else float(frame.pts * stream.time_base) - zero
        if run is None or not run.takes(frame) or abs(time - due) > _HOLE:
            if run is not None:
                yield run.end()
            run, due = _Run(frame, time), time
        due += frame.samples / frame.sample_rate
        try:
            found = run.resampled(frame)
        except (av.FFmpegError, ValueError):
            damaged, run = damaged + 1, None
            continue
        yield found
    if run is not None:
        yield run.end()
    if damaged:
        log.warning("%s: %d damaged audio frames were left out", path, damaged)


class _Run:
    """Audio of one format without a hole, resampled."""

    def __init__(self, frame: Any, time: float) -> None:
        self._format = _format(frame)
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        self._at = round(time * SAMPLE_RATE)

    def takes(self, frame: Any) -> bool:
        """Whether the frame has the run's format."""
        return self._format == _format(frame)

    def resampled(self, frame: Any) -> tuple[int, NDArray[np.int16]]:
        """What comes out when the frame goes in, with the place of its first sample; None ends the run."""
        samples = _samples(self._resampler.resample(frame))
        at, self._at = self._at, self._at + len(samples)
        return at, samples

    def end(self) -> tuple[int, NDArray[np.int16]]:
        """What the resampler still held."""
        try:
            return self.resampled(None)
        except (av.FFmpegError, ValueError):  # it never took a frame
            return self._at, np.zeros(0, np.int16)


def _format(frame: Any) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


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
    if is_image(path) or is_animated_webp(path):
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
        stream = audio_stream(container)
        for at, samples in () if stream is None else _pieces(container, stream, path):
            found = True
            for first, out in held:
                begin, end = max(at, first), min(at + len(samples), first + len(out))
                if begin < end:
                    out[begin - first : end - first] = samples[begin - at : end - at]
            if joined and at >= joined[-1][1]:
                break
    if stream is not None and not found:
        log.warning("%s: nothing of the audio track can be decoded", path)
    return AudioSpans(tuple(held)) if found else None
