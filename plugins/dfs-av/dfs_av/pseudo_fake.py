"""Real footage whose voice comes early or late, or is somebody else's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dfcore.data.composite.kinds import chosen_kind
from dfcore.data.protocols import Footage
from dfcore.errors import MediaError
from dfs_av.abstain_reason import LEAST_VOICE, voiced_points

__all__ = ["KINDS", "SHARES", "PseudoFake"]

KINDS = {"shift1": 1, "shift3": 3, "shift5": 5, "shift10": 10, "other": 0}
"""Frames (of 25 a second) by which each kind shifts the voice."""
SHARES: Mapping[str, float] = {"other": 4.0}
"""How often another's voice is taken, each of the others being 1: it is what landmarks find in real speech, where
genuine audio is itself late by -40 to 320 ms.
"""
_RATE = 16000
_FRAME = _RATE // 25


class PseudoFake:
    """Shifts the audio by a constant 1, 3, 5 or 10 frames of 40 ms, early or late as drawn, or takes ``other_audio``,
    as loud as the voice that it replaces.

    Audio that moves in at an end is the file's own from beyond the frames (``Footage.lead``), never a wrapped-around
    or repeated piece; images stay as they are. Where the file has none there (it is hardly longer than the frames),
    control and fake both lose the frames that silence would move into: it would tell the fake. Else the control is
    the footage itself.
    """

    kinds: tuple[str, ...] = tuple(KINDS)
    shares: Mapping[str, float] = SHARES

    def __call__(self, footage: Footage, kind: str | None, rng: np.random.Generator) -> tuple[Footage, Footage]:
        """The footage itself as control, and the same images with its audio shifted, or with another person's."""
        kind = chosen_kind(self, kind, rng, "AV")
        audio = _voiced(footage, footage.audio, "its audio")
        if kind == "other":
            made = _voiced(footage, footage.other_audio, "the other person's audio")
            if len(made) != len(audio):
                raise MediaError(f"the other person's audio has {len(made)} samples; {len(audio)} are needed.")
            made = _as_loud(made, audio)
        else:
            late = KINDS[kind] * (1 if rng.random() < 0.5 else -1)
            if abs(late) * _FRAME > footage.lead * _RATE:
                raise MediaError(
                    f"{kind} needs {abs(late) / 25:.2f} s of audio beyond the frames; there are {footage.lead:.2f} s."
                )
            made = _shifted(audio, late * _FRAME)
            first, last = _sounding(footage, audio, late * _FRAME)
            if first > 0 or last < len(footage.y):
                return _cut(footage, audio, first, last), _cut(footage, made, first, last)
        return footage, replace(footage, audio=made)


def _as_loud(voice: NDArray[np.int16], as_this: NDArray[np.int16]) -> NDArray[np.int16]:
    """Scaled to the other's mean square over what is voiced, by at most 20 dB and never beyond full scale."""

    def power(audio: NDArray[np.int16]) -> float:
        voiced = np.repeat(voiced_points(audio), _FRAME)
        return float(np.square(audio[: len(voiced)][voiced], dtype=np.float64).mean()) if voiced.any() else 1.0

    peak = max(1, int(np.abs(voice.astype(np.int32)).max()))
    gain = min(float(np.clip(np.sqrt(power(as_this) / power(voice)), 0.1, 10)), 32767 / peak)
    return np.rint(voice * gain).astype(np.int16)


def _shifted(audio: NDArray[np.int16], late: int) -> NDArray[np.int16]:
    """Heard ``late`` samples later (earlier, if negative), silence beyond what there is."""
    out = np.zeros_like(audio)
    if late >= 0:
        out[late:] = audio[: len(audio) - late]
    else:
        out[:late] = audio[-late:]
    return out


def _sounding(footage: Footage, audio: NDArray[np.int16], late: int) -> tuple[int, int]:
    """First frame and the one after the last that a shift by ``late`` samples leaves without silence from beyond the
    file's ends.
    """
    held = np.flatnonzero(audio)
    lead = round(footage.lead * _RATE)
    missing = held[0] - (lead - late) if late > 0 else len(audio) - lead - late - (held[-1] + 1)
    lost = int(np.ceil(np.clip(missing, 0, abs(late)) / _RATE * footage.fps))
    return (lost, len(footage.y)) if late > 0 else (0, len(footage.y) - lost)


def _cut(footage: Footage, audio: NDArray[np.int16], first: int, last: int) -> Footage:
    """Frames ``first`` to ``last - 1``, with the audio that belongs to them."""
    kept = slice(first, last)
    begin = round(first / footage.fps * _RATE)
    end = begin + round(((last - first) / footage.fps + 2 * footage.lead) * _RATE)
    return replace(
        footage.pick(kept),
        audio=audio[begin:end],
        other_audio=None if footage.other_audio is None else footage.other_audio[begin:end],
    )


def _voiced(footage: Footage, audio: NDArray[np.int16] | None, what: str) -> NDArray[np.int16]:
    """The audio, checked.

    Raises:
        MediaError: there is none, or too little voice in the frames' span.
    """
    if audio is None:
        raise MediaError(f"{what} is missing: a voice cannot be moved without one. Use videos with audio.")
    first = round(footage.lead * _RATE)
    span = audio[first : first + round(len(footage.y) / footage.fps * _RATE)]
    seconds = float(voiced_points(span).sum()) / 25
    if seconds < LEAST_VOICE:
        raise MediaError(f"{what} has {seconds:.2f} s of voice; {LEAST_VOICE:.0f} s are needed.")
    return audio
