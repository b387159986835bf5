"""Small real media files for tests, written through PyAV: no download, the same content from the same seed.

The images are natural-looking (a texture with a 1/f spectrum, and sensor noise), so that codecs spend their bits as
on real footage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["ENCODINGS", "click", "scene", "set_display_matrix", "tone", "write_broken", "write_video"]

TICKS = 90000
"""Ticks a second of the time base in which videos are written."""


ENCODINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "h264": ("h264.mp4", {}),
    "hevc": ("hevc.mp4", {"codec": "libx265"}),
    "mpeg1": ("mpeg1.mpg", {"codec": "mpeg1video"}),
    "vp8": ("vp8.webm", {"codec": "libvpx", "options": {"cpu-used": "8", "deadline": "realtime"}}),
}
"""A file name and the arguments of :func:`write_video` for each codec that datasets commonly come in."""

_QUIET = {"libx264": {"threads": "1"}, "libx265": {"x265-params": "log-level=none:pools=1"}}
"""Options of encoders that would print, or whose result depends on the number of threads."""


@lru_cache(maxsize=8)
def _canvas(width: int, height: int, seed: int) -> NDArray[np.float32]:
    """RGB ``[H, W, 3]`` in 0..255 with a 1/f spectrum; periodic, so that it can be rolled."""
    rng = np.random.default_rng([seed, width, height])
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    fall = 1.0 / np.maximum(np.hypot(fy, fx), 1.0 / max(width, height))
    layers = [
        np.fft.irfft2(np.fft.rfft2(rng.standard_normal((height, width))) * fall, (height, width)) for _ in range(3)
    ]
    grey = layers[0] / layers[0].std()
    tints = [layer / layer.std() for layer in layers[1:]]
    rgb = np.stack([grey + 0.4 * tints[0], grey - 0.2 * tints[0] - 0.2 * tints[1], grey + 0.4 * tints[1]], axis=-1)
    return (118.0 + 42.0 * rgb).astype(np.float32)


def scene(
    width: int, height: int, index: int = 0, *, seed: int = 0, pan: tuple[int, int] = (2, 1), noise: float = 2.0
) -> NDArray[np.uint8]:
    """Frame ``index`` of a textured scene, RGB uint8 ``[height, width, 3]``.

    The content moves by ``pan`` pixels (x to the right, y down) a frame, exactly; it re-enters on the other side.
    ``noise`` is the standard deviation of the sensor noise, drawn afresh for each frame.
    """
    moved = np.roll(_canvas(width, height, seed), (index * pan[1], index * pan[0]), axis=(0, 1))
    rng = np.random.default_rng([seed, width, height, index])
    grain = noise * rng.standard_normal(moved.shape, np.float32) if noise else np.float32(0.0)
    return np.clip(np.rint(moved + grain), 0, 255).astype(np.uint8)


def tone(seconds: float, hertz: float = 440.0, *, rate: int = 48000, level: float = 0.5) -> NDArray[np.int16]:
    """A sine, int16 ``[seconds * rate]``."""
    t = np.arange(round(seconds * rate)) / rate
    return np.rint(32767 * level * np.sin(2 * np.pi * hertz * t)).astype(np.int16)


def click(seconds: float, at: float, *, rate: int = 48000, hertz: float = 2000.0) -> NDArray[np.int16]:
    """Silence with one short burst (Gaussian, 1 ms wide, of ``hertz``) whose peak is at ``at`` seconds; int16."""
    t = np.arange(round(seconds * rate)) / rate - at
    return np.rint(26000 * np.exp(-0.5 * (t / 0.001) ** 2) * np.cos(2 * np.pi * hertz * t)).astype(np.int16)


def write_video(
    path: Path,
    *,
    codec: str = "libx264",
    width: int = 320,
    height: int = 240,
    frames: int = 24,
    fps: float = 25.0,
    pix_fmt: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    image: Callable[[int], NDArray[np.uint8]] | None = None,
    times: Sequence[float] | None = None,
    rotation: int = 0,
    gop: int = 12,
    seed: int = 0,
    audio: NDArray[np.int16] | None = None,
    audio_codec: str = "aac",
    audio_rate: int = 48000,
    audio_start: float = 0.0,
    container_options: Mapping[str, str] | None = None,
) -> Path:
    """Write a video file, and return its path; the container is chosen by the suffix.

    Args:
        path: where to write.
        codec: FFmpeg's name of the encoder.
        width: of the coded frame.
        height: of the coded frame.
        frames: how many.
        fps: frames a second.
        pix_fmt: pixel format to encode.
        options: of the encoder (``{"qp": "28"}``).
        image: frame index to RGB uint8 ``[height, width, 3]``; default :func:`scene`.
        times: presentation times in seconds, for a variable frame rate; default index / fps.
        rotation: clockwise degrees that a player must turn the coded frame, written as the MP4's display matrix.
        gop: frames from one key frame to the next.
        seed: of the scene.
        audio: mono audio, int16 ``[n]``.
        audio_codec: FFmpeg's name of its encoder.
        audio_rate: samples a second of ``audio``.
        audio_start: time of its first sample on the container's clock.
        container_options: of the muxer.
    """
    image = image or (lambda index: scene(width, height, index, seed=seed))
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path), "w", container_options=dict(container_options or {})) as container:
        stream: Any = container.add_stream(codec, rate=rate, options={**_QUIET.get(codec, {}), **(options or {})})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.gop_size = gop
        if times is not None:
            stream.codec_context.time_base = Fraction(1, TICKS)
        audio_stream = None if audio is None else container.add_stream(audio_codec, rate=audio_rate, layout="mono")
        stamps = range(frames) if times is None else [round(time * TICKS) for time in times[:frames]]
        _write_images(container, stream, image, stamps, 1 / rate if times is None else Fraction(1, TICKS))
        if audio is not None:
            _write_audio(container, audio_stream, audio, audio_rate, audio_start)
    if rotation:
        set_display_matrix(path, _TURNS[rotation])
    return path


def _write_images(
    container: Any,
    stream: Any,
    image: Callable[[int], NDArray[np.uint8]],
    stamps: Sequence[int],
    time_base: Fraction,
) -> None:
    for index, stamp in enumerate(stamps):
        frame = av.VideoFrame.from_ndarray(image(index), format="rgb24").reformat(format=stream.pix_fmt)
        frame.time_base, frame.pts = time_base, stamp
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _write_audio(container: Any, stream: Any, audio: NDArray[np.int16], rate: int, start: float) -> None:
    resampler = av.AudioResampler(format=stream.codec_context.format.name, layout="mono", rate=rate)
    size = stream.codec_context.frame_size or 1024
    for at in range(0, len(audio), size):
        block = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(audio[None, at : at + size]), format="s16", layout="mono"
        )
        block.sample_rate, block.time_base = rate, Fraction(1, rate)
        block.pts = round(start * rate) + at
        for frame in resampler.resample(block):  # a change of the sample format alone: nothing is held back
            container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


_TURNS = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


def set_display_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Set (a, b, c, d) of an MP4's first track: a coded point (p, q) is shown at (ap + cq, bp + dq), q downwards.

    Written into the ``tkhd`` box by hand (ISO/IEC 14496-12, 8.3.2, version 0), so that a test of reading it does
    not rest on the library that reads it.
    """
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd", data.find(b"moov")) + 44  # past the name, times, ids, duration, layer and volume
    a, b, c, d = (value << 16 for value in matrix)
    data[at : at + 36] = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], ">i4").tobytes()
    path.write_bytes(bytes(data))


def write_broken(path: Path, kind: str, source: Path | None = None) -> Path:
    """Write a bad file.

    Args:
        path: where to write.
        kind: ``text``, ``empty``, ``noise``, ``truncated`` (the first half of ``source``) or ``damaged``
            (``source`` with 5 % of its middle overwritten).
        source: a good file, for the last two.

    Returns:
        ``path``.
    """
    if kind == "text":
        path.write_text("This is not a video. " * 50)
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(20000))
    elif kind in ("truncated", "damaged") and source is not None:
        data = bytearray(source.read_bytes())
        if kind == "truncated":
            data = data[: len(data) // 2]
        else:
            low, high = len(data) * 45 // 100, len(data) * 50 // 100
            data[low:high] = np.random.default_rng(0).bytes(high - low)
        path.write_bytes(bytes(data))
    else:
        raise ValueError(f"unknown kind {kind!r}, or it needs a source")
    return path
