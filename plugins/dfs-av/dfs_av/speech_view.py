"""What the three cues read of a sample: the mouth's and the voice's signal on one clock of 25 points a second."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.compiler import is_compiling
from torch.nn import functional as F

from dfs_av.opening_signals import bands_of, fast_openings

__all__ = [
    "CEPSTRA",
    "GATE",
    "GROUPS",
    "LAGS",
    "POINTS",
    "SEGMENT",
    "SHAPES",
    "SIDE",
    "STARTS",
    "SpeechView",
    "VideoSpeech",
    "after_onset",
    "aligned",
    "at_points",
    "audio_signals",
    "cells",
    "cepstra",
    "cosines",
    "decibels",
    "delayed",
    "grouped",
    "mouth_shapes",
    "mouth_signals",
    "over_clips",
    "read_speech",
    "read_video",
    "segments",
    "voice_weight",
]

POINTS = 60
SIDE = 32
"""To which mouth images are reduced."""
SHAPES = 12
"""Waves to a side that a mouth's shape is made of: the finest has details of a twelfth of its square."""
CEPSTRA = 20
"""Waves that a voice's spectrum is made of."""
LAGS = 15
"""Delays looked at, in points to either side: 0.6 s."""
SEGMENT, STARTS = 24, tuple(range(0, 37, 6))
"""Points of a time segment, and where each of the seven rows' segment begins."""
GROUPS = (5, 5, 4, 3, 4, 5, 5)
"""How many of the 31 delays, from -15 up, each of the seven columns holds: 0 and its neighbours in the middle."""
GATE = -45.0
"""dBFS below which there is no voice."""
FAINT = -60.0
"""dBFS below which all is alike."""
_COLUMNS = 4
_QUIET = math.log(1e-4)
_PARSEVAL = 38400.0
"""Sum of a mel column's powers over the signal's mean square (see the view ``log_mel``)."""
_BANDS = ((0, 20), (20, 40), (40, 60), (60, 80))
"""Mel channels of the four bands: to 0.6, 1.6, 3.8 and 8 kHz."""


@dataclass(frozen=True, slots=True)
class VideoSpeech:
    """The speech of K clips of each sample's video, the sample's own among them. Rows without a clip are 0.

    Attributes:
        openings: float ``[B, K, 2, 60]``, :func:`dfs_av.opening_signals.fast_openings`.
        bands: float ``[B, K, 20, 60]``, :func:`dfs_av.opening_signals.bands_of`.
        present: float ``[B, K, 60]``.
        heard: float ``[B, K, 60]``, 1 where there is audio and the clip's voice has begun.
        voice: float ``[B, K, 60]``, 1 where there is a voice.
    """

    openings: Tensor
    bands: Tensor
    present: Tensor
    heard: Tensor
    voice: Tensor


@dataclass(frozen=True, slots=True)
class SpeechView:
    """A batch of speech.

    Attributes:
        shapes: float ``[B, 60, 144]``, :func:`mouth_shapes`.
        cepstra: float ``[B, 20, 240]``, :func:`cepstra`.
        present: float ``[B, 60]``.
        audio_present: float ``[B, 60]``, 1 where there is audio and the voice has begun.
        track: float ``[B, 60]``, 1 where there is audio.
        voice: float ``[B, 60]``, 1 where there is a voice.
        weight: float ``[B, 60]``, 1 where there is a voice to be seen and audio.
        seen: float ``[B, V, 60]``, :func:`mouth_signals`.
        audio: float ``[B, A, 60]``, :func:`audio_signals`.
        openings: float ``[B, 2, 60]``, :func:`dfs_av.opening_signals.fast_openings`.
        bands: float ``[B, 20, 60]``, :func:`dfs_av.opening_signals.bands_of`.
        video: of all the video's clips.
    """

    shapes: Tensor
    cepstra: Tensor
    present: Tensor
    audio_present: Tensor
    track: Tensor
    voice: Tensor
    weight: Tensor
    seen: Tensor
    audio: Tensor
    openings: Tensor
    bands: Tensor
    video: VideoSpeech


def read_video(present: Tensor, mel: Tensor, audio_present: Tensor, openings: Tensor) -> VideoSpeech:
    """The four views of a video's clips, ``[B, K, ...]`` each. Silence before a clip's voice is trimmed."""

    def read(lips: Tensor, mouths: Tensor, voices: Tensor, heard: Tensor) -> tuple[Tensor, ...]:
        heard = heard * after_onset(voice_weight(voices, heard))
        return fast_openings(lips, mouths), bands_of(voices, heard), heard, voice_weight(voices, heard)

    held = (present > 0).any(-1) & (audio_present > 0).any(-1)
    fast, bands, heard, voice = over_clips(held, read, openings, present, mel, audio_present)
    return VideoSpeech(fast, bands, present, heard, voice)


def over_clips(held: Tensor, compute: Callable[..., tuple[Tensor, ...]], *views: Tensor) -> list[Tensor]:
    """What ``compute`` makes of clips, ``[B, K, ...]`` each; 0 for those that are not held.

    Most videos have few clips, so it is given only those that are held, ``[n, ...]``; all in a compiled graph, whose
    shapes do not depend on values.

    Args:
        held: bool ``[B, K]``.
        compute: of views of n clips.
        views: ``[B, K, ...]`` each.
    """
    if is_compiling():
        every = compute(*(view.flatten(0, 1) for view in views))
        keep = held.flatten()
        made = [torch.where(keep.view(-1, *[1] * (one.ndim - 1)), one, torch.zeros_like(one)) for one in every]
        return [one.unflatten(0, (-1, held.shape[1])) for one in made]
    at = held.nonzero(as_tuple=True)
    none = len(at[0]) == 0
    found = []
    for part in compute(*(view[0, :1] if none else view[at] for view in views)):
        whole = part.new_zeros(*held.shape, *part.shape[1:])
        if not none:
            whole[at] = part
        found.append(whole)
    return found


def read_speech(
    mouth: Tensor, present: Tensor, mel: Tensor, audio_present: Tensor, openings: Tensor, video: VideoSpeech
) -> SpeechView:
    """The five views of a clip, with a leading batch axis, and its video. Silence before the voice is trimmed: in some
    datasets its length gives the label away.
    """
    luma = F.avg_pool2d(mouth.float(), mouth.shape[-1] // SIDE)
    luma = luma - luma.mean((1, 2, 3), keepdim=True)
    luma = luma / (luma.square().mean((1, 2, 3), keepdim=True).sqrt() + 1.0)
    track, begun = audio_present, after_onset(voice_weight(mel, audio_present))
    audio_present = audio_present * begun
    voice = voice_weight(mel, audio_present)
    return SpeechView(
        shapes=mouth_shapes(luma, present),
        cepstra=cepstra(mel, audio_present),
        present=present,
        audio_present=audio_present,
        track=track,
        voice=voice,
        weight=voice * present,
        seen=mouth_signals(luma, present),
        audio=audio_signals(mel, audio_present),
        openings=fast_openings(openings, present),
        bands=bands_of(mel, audio_present),
        video=video,
    )


def cosines(length: int, count: int, device: torch.device | None = None) -> Tensor:
    """The first ``count`` waves of the orthonormal DCT-II of ``length`` values, as rows: ``[count, length]``."""
    place = torch.arange(length, device=device) + 0.5
    waves = torch.cos(math.pi / length * torch.arange(count, device=device)[:, None] * place)
    waves *= math.sqrt(2 / length)
    waves[0] /= math.sqrt(2)
    return waves


def mouth_shapes(luma: Tensor, present: Tensor) -> Tensor:
    """How the mouth departs from the clip's mean mouth: ``[B, 60, 32, 32]`` to ``[B, 60, 144]``.

    The 12x12 lowest coefficients of the two-dimensional DCT (as in lip reading before it was learnt: Potamianos et al.
    2003), without their means over the points that are present: what stays is how the mouth moves, not whose it is.
    Coefficient ``12 v + u`` has v half periods down and u across; mirrored, odd u change their sign. Absent points are
    0. The scale, 2 / 3, makes real mouths' deviations about 1.
    """
    waves = cosines(SIDE, SHAPES, luma.device)
    found = (waves @ luma @ waves.mT).flatten(2) * (2 / 3)
    weight = present[..., None]
    return (found - (found * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1)) * weight


def cepstra(mel: Tensor, audio_present: Tensor) -> Tensor:
    """Cepstra of the log-mel spectrum, ``[B, 80, 240]`` to ``[B, 20, 240]``: the first 20 waves of its DCT (Davis and
    Mermelstein 1980), without their means over the columns that have audio, so that neither the microphone nor the
    level counts. Columns without are 0.

    Powers are floored at 1e-4. Cepstra fall about as 1 / n; the lifter (1 + n) / 20 makes real voices' deviations
    about 1.
    """
    audible = audio_present.repeat_interleave(_COLUMNS, 1)[:, None]
    lifter = (1 + torch.arange(CEPSTRA, device=mel.device)) / 20
    found = (cosines(mel.shape[1], CEPSTRA, mel.device) * lifter[:, None]) @ mel.clamp(min=_QUIET)
    return (found - (found * audible).sum(-1, keepdim=True) / audible.sum(-1, keepdim=True).clamp(min=1)) * audible


def decibels(mel: Tensor) -> Tensor:
    """Level of each column in dB of full scale: ``[B, 80, 240]`` to ``[B, 240]``. A full-scale sine has -3."""
    return 10 * torch.log10(mel.exp().sum(1) / _PARSEVAL)


def at_points(columns: Tensor) -> Tensor:
    """Means over the 40 ms about each point: ``[..., 240]`` to ``[..., 60]``."""
    padded = F.pad(columns.flatten(0, -2)[:, None], (_COLUMNS // 2, _COLUMNS // 2), "replicate")[:, 0]
    pieces = padded.unfold(-1, _COLUMNS + 1, _COLUMNS)
    ends = torch.ones(_COLUMNS + 1, device=columns.device)
    ends[0] = ends[-1] = 0.5
    return (pieces @ ends / _COLUMNS).view(*columns.shape[:-1], -1)


def voice_weight(mel: Tensor, audio_present: Tensor) -> Tensor:
    """1 where the level is above -45 dBFS at a point: ``[B, 60]``. Levels are floored at -60 first, lest it matter how
    deep the silence beside a voice is.
    """
    return (at_points(decibels(mel).clamp(min=FAINT)) > GATE).float() * audio_present


def after_onset(voice: Tensor) -> Tensor:
    """1 behind the first point with a voice, whose 40 ms begin in what went before; all 1 where there is none:
    ``[B, 60]``.
    """
    begun = F.pad(voice.cummax(1).values[:, :-1], (1, 0))
    return torch.where(voice.amax(1, keepdim=True) > 0, begun, torch.ones_like(begun))


def mouth_signals(luma: Tensor, present: Tensor) -> Tensor:
    """Four signals of the mouth, ``[B, 60, 32, 32]`` to ``[B, 4, 60]``.

    Darkness of the middle (an open mouth is dark inside): the mean of what lies half a standard deviation below the
    clip's mean. Vertical gradients there (lips apart). Mean absolute change in the middle, and in the chin's part.
    Absent points are 0.
    """
    middle = luma[:, :, 8:26, 6:26]
    darkness = (-middle - 0.5).clamp(min=0).mean((2, 3))
    gradients = middle.diff(dim=2).abs().mean((2, 3))
    change = F.pad(luma.diff(dim=1).abs(), (0, 0, 0, 0, 1, 0))
    moving = change[:, :, 8:24, 6:26].mean((2, 3))
    chin = change[:, :, 22:, 6:26].mean((2, 3))
    return torch.stack([darkness, gradients, moving, chin], 1) * present[:, None]


def audio_signals(mel: Tensor, audio_present: Tensor) -> Tensor:
    """Six signals of the audio, ``[B, 80, 240]`` to ``[B, 6, 60]``: level, four bands' log power, and onsets (how fast
    the level rises; of two points that both have audio).

    Levels are floored at -60 dBFS: what lies below is no speech.
    """
    level = at_points(decibels(mel).clamp(min=FAINT)) / 10
    powers = torch.stack([mel[:, low:high].exp().sum(1) for low, high in _BANDS], 1)
    bands = at_points((10 * torch.log10(powers / _PARSEVAL)).clamp(min=FAINT)) / 10
    onset = F.pad(level.diff(dim=1).clamp(min=0) * audio_present[:, :-1], (1, 0))
    return torch.cat([level[:, None], bands, onset[:, None]], 1) * audio_present[:, None]


def segments(values: Tensor) -> Tensor:
    """The seven time segments of ``[..., 60]``: ``[..., 7, 24]``."""
    return torch.stack([values[..., start : start + SEGMENT] for start in STARTS], -2)


def grouped(values: Tensor) -> tuple[Tensor, Tensor]:
    """Means and maxima over the seven groups of delays: ``[..., 31]`` to twice ``[..., 7]``."""
    parts = values.split(GROUPS, -1)
    return torch.stack([part.mean(-1) for part in parts], -1), torch.stack([part.amax(-1) for part in parts], -1)


def delayed(audio: Tensor) -> tuple[Tensor, Tensor]:
    """``audio[t + delay]`` for delays -15 to 15: ``[..., 60]`` to ``[..., 31, 60]``, 0 beyond the ends; and where it
    lies within, ``[31, 60]``.
    """
    windows = F.pad(audio, (LAGS, LAGS)).unfold(-1, audio.shape[-1], 1)
    inside = F.pad(torch.ones(audio.shape[-1], device=audio.device), (LAGS, LAGS)).unfold(-1, audio.shape[-1], 1)
    return windows, inside


def aligned(curves: Tensor, place: Tensor) -> Tensor:
    """Curves over the 31 delays as seen from another delay: ``[..., 31]`` and its position 0..30 ``[...]`` to
    ``[..., 31]`` with that delay in the middle. What lies beyond the ends is the curve's mean.
    """
    at = place[..., None] + torch.arange(-LAGS, LAGS + 1, device=curves.device)
    inside = (at >= 0) & (at < curves.shape[-1])
    return torch.where(inside, curves.gather(-1, at.clamp(0, curves.shape[-1] - 1)), curves.mean(-1, keepdim=True))


def cells(rows: Tensor | None = None, columns: Tensor | None = None, clip: Tensor | None = None) -> Tensor:
    """The 49 cells of what is known per row ``[B, K, 7]``, per column ``[B, K, 7]`` or per clip ``[B, K]``, or of
    several of these: ``[B, sum of K, 49]``.
    """
    parts = []
    if rows is not None:
        parts.append(rows[..., None].expand(-1, -1, 7, 7))
    if columns is not None:
        parts.append(columns[:, :, None].expand(-1, -1, 7, 7))
    if clip is not None:
        parts.append(clip[..., None, None].expand(-1, -1, 7, 7))
    return torch.cat(parts, 1).flatten(2)
