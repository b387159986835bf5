"""Made speech: rendered people who talk, the mouth driven by the very envelope that makes the audio.

A voice is a series of syllables, 2.5 to 6 a second, with pauses between phrases. Each has an onset, a vowel (harmonics
of the speaker's pitch through two formants) and often a consonant (noise) before it. The mouth opens with the smoothed
envelope, and a little before the audio, as in life; how wide, and how early, differs between speakers and vowels. Head,
light, camera and blinks move on their own. It is easier than real speech: nothing but loudness opens the mouth, and
no consonant shuts it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dfcore.data.protocols import Footage
from dfcore.testing.demo.people.person import Person
from dfcore.testing.demo.scene import Take

__all__ = ["Utterance", "made_footage", "made_utterance"]

SAMPLE_RATE = 16000
_VOWELS = ((730, 1090), (270, 2290), (300, 870), (530, 1840), (570, 840), (660, 1720))
"""First two formants of a man's vowels in Hz (Peterson and Barney, JASA 1952): a, i, u, e, o, ae."""
_WIDE = (1.0, 0.35, 0.3, 0.55, 0.7, 0.85)
"""How far the mouth opens for each."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """What is said: ``audio`` int16 ``[n]`` at 16 kHz; ``opening`` float ``[n]``, the mouth's 0..1 at each sample."""

    audio: NDArray[np.int16]
    opening: Floats


def made_utterance(seed: int, seconds: float, *, voice: int | None = None) -> Utterance:
    """Speech of a speaker.

    Args:
        seed: of what is said.
        seconds: how long.
        voice: of the speaker: pitch, tract length, rate, loudness, how the mouth opens; None takes ``seed``.
    """
    speaker = np.random.default_rng([seed if voice is None else voice, 0x501CE])
    rng = np.random.default_rng([seed, 0x5A1D])
    count = round(seconds * SAMPLE_RATE)
    pitch, tract = float(speaker.uniform(85, 240)), float(speaker.uniform(0.95, 1.25))
    rate, ahead = float(speaker.uniform(3.0, 5.0)), float(speaker.uniform(0.0, 0.04))
    wide, level = float(speaker.uniform(0.6, 1.0)), float(speaker.uniform(0.06, 0.2))
    audio, opening = np.zeros(count), np.zeros(count)
    at = float(rng.uniform(-0.2, 0.3))
    while at < seconds:
        for _ in range(int(rng.integers(3, 9))):
            length = float(rng.uniform(0.7, 1.4)) / rate
            _syllable(audio, opening, at, length, pitch * tract * float(rng.uniform(0.85, 1.2)), tract, rng)
            at += length
        at += float(rng.uniform(0.12, 0.5))
    noise = rng.standard_normal(count) * 10 ** (speaker.uniform(-66, -54) / 20)
    smooth = _smoothed(opening, 0.035)
    early = np.roll(smooth, -round(ahead * SAMPLE_RATE))
    audio = level * audio / max(float(np.sqrt((audio**2).mean())), 1e-6) + noise
    return Utterance(np.clip(np.rint(audio * 32767), -32768, 32767).astype(np.int16), np.clip(early * wide, 0, 1))


def made_footage(
    seed: int, *, frames: int = 96, size: int = 384, fps: float = 25.0, lead: float = 1.0, said: int | None = None
) -> Footage:
    """A rendered, never compressed take of a talking person, with the audio of the frames' span and ``lead`` seconds
    more at both ends, and another speaker's of the same length.

    Args:
        seed: of person, voice, scene and motion.
        frames: T.
        size: width and height of the frames, even.
        fps: frames a second.
        lead: see :class:`dfcore.data.protocols.Footage`.
        said: what is said and how the person moves, where one person is to be filmed more than once.
    """
    own = seed if said is None else seed * 1009 + said + 1
    seconds = frames / fps + 2 * lead
    spoken = made_utterance(own, seconds, voice=seed)
    other = made_utterance(own + 500_009, seconds, voice=seed + 500_009)
    take = Take(Person.draw(seed), own, frames, size)
    places = np.round((lead + (np.arange(frames) + 0.5) / fps) * SAMPLE_RATE).astype(int)
    take.moments = [
        replace(moment, pose=replace(moment.pose, mouth=float(spoken.opening[place])))
        for moment, place in zip(take.moments, places, strict=True)
    ]
    planes = [_yuv(take.frame(index)) for index in range(frames)]
    y, u, v = (np.stack(parts) for parts in zip(*planes, strict=True))
    found = [_face(take, index) for index in range(frames)]
    boxes, landmarks = np.stack([box for box, _ in found]), np.stack([points for _, points in found])
    return Footage(y, u, v, boxes, landmarks, fps, spoken.audio, lead, other.audio)


def _syllable(
    audio: Floats, opening: Floats, at: float, length: float, pitch: float, tract: float, rng: np.random.Generator
) -> None:
    """Add one syllable that begins at ``at`` seconds, in place."""
    vowel = int(rng.integers(len(_VOWELS)))
    first, last = round(at * SAMPLE_RATE), round((at + length) * SAMPLE_RATE)
    clock = np.arange(last - first) / SAMPLE_RATE
    share = clock / length
    begin = float(rng.uniform(0.1, 0.3)) if rng.random() < 0.7 else 0.05
    body = np.clip((share - begin) / 0.12, 0, 1) * np.clip((0.97 - share) / 0.2, 0, 1)
    loud = float(rng.uniform(0.5, 1.0))
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.03 * np.sin(2 * np.pi * 5 * clock))) / SAMPLE_RATE
    wave = np.zeros(len(clock))
    for harmonic in range(1, int(3500 / pitch) + 1):
        hertz = harmonic * pitch
        gain = sum(1 / (1 + ((hertz - formant * tract) / 90) ** 2) for formant in _VOWELS[vowel]) + 0.02
        wave += gain * np.sin(harmonic * phase)
    hiss = np.diff(rng.standard_normal(len(clock) + 1)) * np.exp(-(((share - begin / 2) / (begin / 2 + 1e-3)) ** 2))
    here = slice(max(first, 0), min(last, len(audio)))
    cut = slice(here.start - first, here.stop - first)
    if here.start < here.stop:
        audio[here] += (loud * (wave * body + (0.25 * hiss if begin > 0.05 else 0)))[cut]
        opening[here] = np.maximum(opening[here], (body * _WIDE[vowel] * (0.6 + 0.4 * loud))[cut])


def _smoothed(values: Floats, seconds: float) -> Floats:
    """Moved with inertia: two boxes of ``seconds`` after each other."""
    kernel = np.full(round(seconds * SAMPLE_RATE), 1 / round(seconds * SAMPLE_RATE))
    spread = np.convolve(kernel, kernel)
    size = 1 << (len(values) + len(spread)).bit_length()
    both = np.fft.irfft(np.fft.rfft(values, size) * np.fft.rfft(spread, size), size)
    return np.asarray(both[len(spread) // 2 : len(spread) // 2 + len(values)])


def _yuv(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Limited-range BT.601, 4:2:0 by means of 2x2 pixels."""
    r, g, b = (rgb[..., channel].astype(np.float32) for channel in range(3))
    y = 16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255
    u = 128 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255
    v = 128 + (112.0 * r - 93.786 * g - 18.214 * b) / 255
    height, width = y.shape
    halves = (plane.reshape(height // 2, 2, width // 2, 2).mean((1, 3)) for plane in (u, v))
    first, second = (np.rint(plane).clip(0, 255).astype(np.uint8) for plane in halves)
    return np.rint(y).clip(0, 255).astype(np.uint8), first, second


def _face(take: Take, index: int) -> tuple[Floats, Floats]:
    """Box ``[4]`` and five points ``[5, 2]`` of the face in a frame; the turn of the head is taken as small."""
    pose, anatomy = take.moments[index].pose, take.head.anatomy
    cos, sin = np.cos(pose.roll), np.sin(pose.roll)

    def place(u: float, v: float, depth: float) -> tuple[float, float]:
        x = u * np.cos(pose.yaw) + depth * np.sin(pose.yaw)
        y = v * np.cos(pose.pitch) - depth * np.sin(pose.pitch)
        return pose.x + pose.scale * (x * cos - y * sin), pose.y + pose.scale * (x * sin + y * cos)

    eye, mouth = anatomy.eye_u, 0.9 * anatomy.mouth_half
    points = np.array(
        [
            place(-eye, 0.0, 0.8),
            place(eye, 0.0, 0.8),
            place(0.0, anatomy.nose_v, 1.1),
            place(-mouth, anatomy.mouth_v, 0.8),
            place(mouth, anatomy.mouth_v, 0.8),
        ]
    )
    centre, half = place(0.0, 0.4 * anatomy.mouth_v, 0.7), pose.scale * np.array([0.85, 1.1])
    return np.array([*(np.array(centre) - half), *(np.array(centre) + half)]), points
