"""People who talk: their speech read whole, and windows of it as AV's towers read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from cues.people import Person
from numpy.typing import NDArray
from torch import Tensor

from dfcore.data.clips import SPEECH_RATE
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.media import probe
from dfcore.data.prepare.extract import extract_clips
from dfcore.data.views.speech import mel_spectrum
from dfcore.data.views.video import VIDEO_CLIPS
from dfcore.errors import DfcoreError
from dfs_av.abstain_reason import LEAST_MOUTH, LEAST_VOICE, voiced_points
from dfs_av.module import CueModule
from dfs_av.speech_view import LAGS, POINTS

__all__ = [
    "KINDS",
    "SPARSE",
    "Described",
    "Talk",
    "joined",
    "lessons",
    "make_talk",
    "picked",
    "questions",
    "read_talk",
    "window",
]

KINDS: dict[str, int] = {"1": 1, "3": 3, "5": 5, "10": 10, "other": 0}
"""How many points the audio is moved by."""
LONGEST = 59.0
SPARSE, TESTED = 4, 10
"""Points from one window to the next: of those learnt from, of those tested."""
_STEP = 16000 // SPEECH_RATE

_UNREAD: dict[str, Tensor] = {
    "mouth_openings": torch.zeros(POINTS, 4),
    "video_mouth_present": torch.zeros(VIDEO_CLIPS, POINTS),
    "video_log_mel": torch.zeros(VIDEO_CLIPS, 80, 4 * POINTS),
    "video_audio_present": torch.zeros(VIDEO_CLIPS, POINTS),
    "video_mouth_openings": torch.zeros(VIDEO_CLIPS, POINTS, 4),
}
"""What the module reads beside, and its towers do not."""

Described = dict[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Talk:
    """A person's speech of n points.

    Attributes:
        name: of the person.
        mouth: uint8 ``[n, 96, 96]``.
        present: float32 ``[n]``.
        mel: float32 ``[80, 4 n]``.
        audio_present: float32 ``[n]``.
    """

    name: str
    mouth: Tensor
    present: Tensor
    mel: Tensor
    audio_present: Tensor

    def __len__(self) -> int:
        return len(self.mouth)


def make_talk(name: str, mouth: NDArray[np.uint8], present: NDArray[np.bool_], audio: NDArray[np.int16]) -> Talk | None:
    """Of images, and the audio (16 kHz) from the first on; where the mouth is often out of view, of the longest
    stretch through which it is not. None where that is too short, or says too little.
    """
    count = min(len(mouth), len(audio) // _STEP)
    first, last = (0, count) if present[:count].mean() >= LEAST_MOUTH else _longest(present[:count])
    mouth, present, audio = mouth[first:last], present[first:last], audio[first * _STEP : last * _STEP]
    count = last - first
    if count < POINTS:
        return None
    if voiced_points(audio).sum() < LEAST_VOICE * SPEECH_RATE:
        return None
    near = np.pad(audio != 0, (_STEP // 2, _STEP // 2))[: count * _STEP].reshape(count, -1).any(1)
    return Talk(
        name,
        torch.from_numpy(mouth[:count]),
        torch.from_numpy(present[:count].astype(np.float32)),
        torch.from_numpy(mel_spectrum(audio)),
        torch.from_numpy(near.astype(np.float32)),
    )


def _longest(present: NDArray[np.bool_]) -> tuple[int, int]:
    """First point and the one after the last of the longest run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], present.astype(np.int8), [0]])))
    if not len(edges):
        return 0, 0
    first, last = max(zip(edges[::2], edges[1::2], strict=True), key=lambda run: run[1] - run[0])
    return int(first), int(last)


def read_talk(person: Person, folder: Path) -> Talk | None:
    """All of a video's speech, kept in ``folder``; None where there is none to learn from."""
    place = folder / f"{person.name}.npz"
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(place, **_read(person.path))
    with np.load(place) as held:
        return make_talk(person.name, held["mouth"], held["present"], held["audio"])


def _read(path: Path) -> dict[str, NDArray]:
    nothing = {"mouth": np.zeros((0, 96, 96), np.uint8), "present": np.zeros(0, bool), "audio": np.zeros(0, np.int16)}
    try:
        info = probe(path)
        if not info.has_audio:
            return nothing
        seconds = min(LONGEST, int(info.frame_count / info.fps * SPEECH_RATE) / SPEECH_RATE)
        clips = extract_clips(path, ClipPlan(clips=3, speech=seconds), threads=1)
    except DfcoreError:
        return nothing
    found = [clip.speech for clip in clips if clip.speech is not None and clip.speech.audio is not None]
    if not found:
        return nothing
    best = max(found, key=lambda speech: speech.present.sum())
    return {"mouth": best.mouth, "present": best.present, "audio": best.audio}


# -- windows -----------------------------------------------------------------------------------------------------------


def window(talk: Talk, at: int, late: int = 0, voice: Talk | None = None) -> dict[str, Tensor]:
    """The views of 60 points from ``at``, with the audio ``late`` points later, or another's from its point ``at``."""
    other = voice or talk
    first = min(at, len(other) - POINTS) if voice else at - late
    return {
        "mouth": talk.mouth[at : at + POINTS],
        "mouth_present": talk.present[at : at + POINTS],
        "log_mel": other.mel[:, 4 * first : 4 * (first + POINTS)],
        "audio_present": other.audio_present[first : first + POINTS],
        **_UNREAD,
    }


def described(views: Sequence[dict[str, Tensor]]) -> Described:
    """What the towers read of windows."""
    module = CueModule()
    found = [module.describe({name: view[None] for name, view in each.items()}) for each in views]
    return {
        name: torch.cat([each[name] for each in found]) for name in ("shapes", "cepstra", "audio_present", "weight")
    }


def picked(data: Described, rows: Tensor | slice) -> Described:
    return {name: values[rows] for name, values in data.items()}


def joined(parts: Sequence[Described]) -> Described:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def lessons(talk: Talk) -> Described:
    """Windows to learn from, from its beginning on: window i starts at point ``i * SPARSE``."""
    return described([window(talk, at) for at in range(0, len(talk) - POINTS + 1, SPARSE)])


def questions(talk: Talk, voice: Talk) -> dict[str, Described] | None:
    """Windows to judge: ``own``, and each of :data:`KINDS`; None of a talk too short to move its audio."""
    if len(talk) < POINTS + 2 * LAGS:
        return None
    places = list(range(LAGS, len(talk) - POINTS - LAGS + 1, TESTED))
    found = {"own": described([window(talk, at) for at in places])}
    for kind, late in KINDS.items():
        sides = [late if i % 2 else -late for i in range(len(places))]
        other = voice if kind == "other" else None
        found[kind] = described([window(talk, at, side, other) for at, side in zip(places, sides, strict=True)])
    return found
