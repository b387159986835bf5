"""Made clips, and a specialist's views of them by the real way: evidence extracted, views built."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from dfcore.data.clips import BLOCK, MOUTH_SIDE, SPEECH_RATE, Clip, ClipHeader, MemoryClip, SourceHeader, Speech
from dfcore.data.faces.dense import to_stored
from dfcore.data.prepare.evidence import run_extractor
from dfcore.data.protocols import Footage
from dfcore.data.views import build_views
from dfcore.specs import SpecialistSpec
from dfcore.testing.landmarks import made_landmarks
from dfcore.version import __version__

__all__ = ["clip_footage", "clip_views", "made_clip", "made_views", "with_face"]

SAMPLE_RATE = 16000


def made_clip(seed: int = 0, *, frames: int = 8, size: int = 192, fps: float = 25.0, audio: bool = True) -> Clip:
    """A clip of drifting natural-image-like texture with a brighter, smoother ellipse for a face.

    Args:
        seed: of the texture.
        frames: T.
        size: side of the window, a multiple of 16.
        fps: frames a second.
        audio: whether it has a modulated tone of the clip's length, and its speech a voice.
    """
    rng = np.random.default_rng(seed)
    canvas = _texture(rng, size + 2 * frames)
    y = np.stack([canvas[t : t + size, 2 * t : 2 * t + size] for t in range(frames)])
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    face = np.clip(1.5 - 6 * np.hypot(rows, columns), 0, 1)
    y = np.clip(y + 30 * face + rng.normal(0, 2, y.shape), 0, 255).round().astype(np.uint8)
    u, v = (np.full((frames, size // 2, size // 2), value, np.uint8) for value in (118, 140))
    qp = rng.integers(18, 34, (frames, size // BLOCK, size // BLOCK)).astype(np.int8)
    motion = np.zeros((*qp.shape, 2), np.int16)
    samples = round(frames / fps * SAMPLE_RATE)
    tone = 6000 * np.sin(2 * np.pi * 200 * np.arange(samples) / SAMPLE_RATE) * np.hanning(samples)
    return Clip(
        source=_source(seed, size, fps, frames, audio),
        header=replace(_header(size, fps, frames), speech_start=0.0),
        y=y,
        u=u,
        v=v,
        qp=qp,
        motion=motion,
        audio=tone.astype(np.int16) if audio else None,
        speech=_speech(seed, audio),
        landmarks=to_stored(made_landmarks(np.zeros(frames), (0.0, -0.05 * size), 0.16 * size), (0.0, 0.0)),
    )


def _speech(seed: int, audio: bool) -> Speech:
    """2.4 s of a mouth (a dark ellipse on a texture) that opens as loud as a voice is; the voice begins at 0.2 s."""
    rng = np.random.default_rng([seed, 7])
    clock = np.arange(round(2.4 * SAMPLE_RATE)) / SAMPLE_RATE
    beat, phase = rng.uniform(2.5, 5), rng.uniform(0, 2 * np.pi)
    envelope = np.clip(np.sin(2 * np.pi * beat * clock + phase) + 0.4 * np.sin(2 * np.pi * 1.1 * clock), 0, 1)
    pitch = rng.uniform(100, 220)
    voice = sum(np.sin(2 * np.pi * pitch * k * clock) / k for k in range(1, 12)) * envelope * (clock >= 0.2)
    opening = envelope[:: SAMPLE_RATE // SPEECH_RATE]
    rows, columns = np.mgrid[:MOUTH_SIDE, :MOUTH_SIDE] / MOUTH_SIDE - 0.5
    skin = _texture(rng, MOUTH_SIDE)
    width = np.hypot(columns / 0.3, rows[None] / (0.02 + 0.2 * opening[:, None, None]))
    mouth = np.where(width < 1, 30, skin) + rng.normal(0, 2, (len(opening), MOUTH_SIDE, MOUTH_SIDE))
    images = np.clip(mouth, 0, 255).round().astype(np.uint8)
    samples = (5000 * voice).clip(-32768, 32767).astype(np.int16) if audio else None
    dense = to_stored(made_landmarks(0.4 * opening, (0.0, 0.0), 40.0), (0.0, 0.0))
    return Speech(images, np.ones(len(opening), bool), 0.0, samples, dense)


def clip_footage(seed: int = 0, *, frames: int = 32, size: int = 128) -> Footage:
    """A made clip as a pseudo-fake gets it: its face, and a second of a modulated tone beyond either end."""
    clip = made_clip(seed, frames=frames, size=size, audio=False)
    time = np.arange(round((frames / clip.source.fps + 2) * SAMPLE_RATE)) / SAMPLE_RATE
    voice = 6000 * np.sin(2 * np.pi * 200 * time) * (1 + np.sin(2 * np.pi * 4 * time)) / 2
    boxes, points = np.array(clip.header.boxes), np.array(clip.header.landmarks)
    audio, other = voice.astype(np.int16), voice[::-1].astype(np.int16)
    return Footage(clip.y, clip.u, clip.v, boxes, points, clip.source.fps, audio, 1.0, other)


def with_face(clip: Clip, luma: np.ndarray) -> Clip:
    """The clip with another luma inside of the first frame's face box, and without evidence.

    Args:
        clip: as it is.
        luma: ``[T, H, W]``, of the clip's size; rounded, and cut to 0 to 255.
    """
    x0, y0, x1, y1 = (round(value) for value in clip.header.boxes[0])
    y = clip.y.copy()
    y[:, y0:y1, x0:x1] = np.clip(np.rint(luma[:, y0:y1, x0:x1]), 0, 255)
    return replace(clip, y=y, evidence={})


def made_views(spec: SpecialistSpec, batch: int = 2, *, image_size: int = 64, seed: int = 0) -> dict[str, Tensor]:
    """A batch of all the views that a specialist reads, ``face`` included.

    Args:
        spec: the specialist.
        batch: B; a few different clips are made and repeated.
        image_size: side of the face view.
        seed: of the clips.
    """
    samples = []
    for number in range(min(batch, 4)):
        clip = made_clip(seed + number, frames=max(spec.clip_frames, spec.frames))
        samples.append(clip_views(spec, clip, image_size=image_size))
    return {name: torch.cat([samples[k % len(samples)][name] for k in range(batch)]) for name in samples[0]}


def clip_views(spec: SpecialistSpec, clip: Clip, *, image_size: int = 64) -> dict[str, Tensor]:
    """All the views that a specialist reads of a clip's first frames, as a batch of one; its evidence is extracted.

    Args:
        spec: the specialist.
        clip: of at least ``spec.frames`` frames.
        image_size: side of the face view.
    """
    names = tuple(dict.fromkeys(("face", *spec.views, *(evidence.name for evidence in spec.evidence))))
    for evidence in spec.evidence:
        clip.evidence[evidence.name] = run_extractor(evidence, clip)
    views = build_views(MemoryClip(clip), names, range(spec.frames), image_size=image_size)
    return {name: view[None] for name, view in views.items()}


def _texture(rng: np.random.Generator, size: int) -> np.ndarray:
    """Noise with the 1/f spectrum of natural images, mean 120, standard deviation 30."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None])
    frequency[0, 0] = 1
    image = np.fft.ifft2(np.fft.fft2(rng.normal(size=(size, size))) / frequency).real
    return 120 + 30 * (image - image.mean()) / image.std()


def _source(seed: int, size: int, fps: float, frames: int, audio: bool) -> SourceHeader:
    return SourceHeader(
        video=f"made-{seed}",
        label=seed % 2,
        manipulation="original" if seed % 2 == 0 else "made",
        split="",
        group=(f"made-{seed}",),
        compression="",
        width=size,
        height=size,
        fps=fps,
        frame_count=frames,
        codec="h264",
        pix_fmt="yuv420p",
        converted="",
        colour_range="tv",
        colour_matrix="bt601",
        rotation=0,
        has_audio=audio,
        version=__version__,
    )


def _header(size: int, fps: float, frames: int) -> ClipHeader:
    low, high = size * 0.3, size * 0.7
    points = ((0.42, 0.45), (0.58, 0.45), (0.5, 0.52), (0.45, 0.6), (0.55, 0.6))
    return ClipHeader(
        track=0,
        frames=tuple(range(frames)),
        times=tuple(t / fps for t in range(frames)),
        pict_types="I" + "P" * (frames - 1),
        window=(0, 0, size, size),
        boxes=((low, low, high, high),) * frames,
        landmarks=(tuple((x * size, y * size) for x, y in points),) * frames,
        score=1.0,
    )
