"""The cue module of the specialist ``av``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dfcore.data.views.video import VIDEO_CLIPS
from dfcore.models.cues import required_view
from dfs_av.audio_visual_correlation import AudioVisualCorrelationCue
from dfs_av.lip_sync import LipSyncCue
from dfs_av.speech_patterns import SpeechPatternsCue
from dfs_av.speech_view import SpeechView, read_speech, read_video

__all__ = ["CHANNELS", "CueModule", "read_views"]

CHANNELS = {"lip_sync": 18, "audio_visual_correlation": 18, "speech_patterns": 12}
"""The cues in channel order, as announced."""
_TOWERS = ("shapes", "cepstra", "audio_present", "weight")
"""What the towers of ``lip_sync`` read of a :class:`SpeechView`."""
_VIEWS = {
    "mouth": (60, 96, 96),
    "mouth_present": (60,),
    "log_mel": (80, 240),
    "audio_present": (60,),
    "mouth_openings": (60, 4),
}
_VIDEO = {
    "video_mouth_present": (VIDEO_CLIPS, 60),
    "video_log_mel": (VIDEO_CLIPS, 80, 240),
    "video_audio_present": (VIDEO_CLIPS, 60),
    "video_mouth_openings": (VIDEO_CLIPS, 60, 4),
}


class CueModule(nn.Module):
    """Three cues of 2.4 s of speech: ``[B, 48, 7, 7]``. Computed in float32.

    Args:
        invariant: measure all delays from the clip's own most likely one. A constant offset, as bad muxing leaves it,
            then changes next to nothing; nor can a constantly shifted voice be told any more.
    """

    channels = sum(CHANNELS.values())

    def __init__(self, *, invariant: bool = False) -> None:
        super().__init__()
        self.lip_sync = LipSyncCue(CHANNELS["lip_sync"], invariant=invariant)
        self.audio_visual_correlation = AudioVisualCorrelationCue(
            CHANNELS["audio_visual_correlation"], invariant=invariant
        )
        self.speech_patterns = SpeechPatternsCue(CHANNELS["speech_patterns"])

    def forward(self, views: Mapping[str, Tensor]) -> Tensor:
        """The cue map, float32 ``[B, 48, 7, 7]``.

        Args:
            views: ``mouth`` uint8 ``[B, 60, 96, 96]``; ``mouth_present`` float ``[B, 60]``; ``log_mel`` float
                ``[B, 80, 240]``; ``audio_present`` float ``[B, 60]``; ``mouth_openings`` float ``[B, 60, 4]``; and of
                the video's clips the last four with an axis of 8 behind B, ``video_mouth_present`` and so on. Others
                are ignored.

        Raises:
            KeyError: a view is missing.
            ModelError: a view has another shape.
        """
        return self.project(self.describe(views))

    @torch.no_grad()
    def describe(self, views: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """All that is fixed: functions of the views that may be computed once and kept.

        Returns:
            Float32. For ``lip_sync`` what its towers read: ``shapes`` ``[B, 60, 144]``, ``cepstra`` ``[B, 20, 240]``,
            ``audio_present`` and ``weight`` ``[B, 60]``. The operators' features of the others:
            ``audio_visual_correlation`` ``[B, 116, 49]`` and ``speech_patterns`` ``[B, 28, 49]``.
        """
        with torch.autocast(views["mouth"].device.type if "mouth" in views else "cpu", enabled=False):
            speech = read_views(views)
            return {
                **_towers_part(speech),
                "audio_visual_correlation": self.audio_visual_correlation.describe(speech),
                "speech_patterns": self.speech_patterns.describe(speech),
            }

    def project(self, described: Mapping[str, Tensor]) -> Tensor:
        """All that is learned: what :meth:`describe` gave to the cue map ``[B, 48, 7, 7]``."""
        with torch.autocast(described["weight"].device.type, enabled=False):
            cues = (
                self.lip_sync.project(*(described[name] for name in _TOWERS)),
                self.audio_visual_correlation.projection(described["audio_visual_correlation"]),
                self.speech_patterns.projection(described["speech_patterns"]),
            )
            return torch.cat(cues, 1)

    def auxiliary_loss(self, views: Mapping[str, Tensor], labels: Tensor) -> Tensor | None:
        """What teaches the towers of ``lip_sync``: :func:`dfs_av.lip_sync.contrastive_loss` over the real clips with a
        voice; None where the batch has none.

        Args:
            views: as in :meth:`forward`.
            labels: int64 ``[B]``, 0 for real.
        """
        real = labels == 0
        if not real.any():
            return None
        with torch.no_grad():
            speech = read_views({name: views[name][real] for name in (*_VIEWS, *_VIDEO)})
        return self.described_loss(_towers_part(speech), labels[real])

    def described_loss(self, described: Mapping[str, Tensor], labels: Tensor) -> Tensor | None:
        """:meth:`auxiliary_loss` of what :meth:`describe` gave."""
        chosen = (labels == 0) & (described["weight"].sum(1) > 0)
        if not chosen.any():
            return None
        return self.lip_sync.loss(*(described[name][chosen] for name in _TOWERS))


def read_views(views: Mapping[str, Tensor]) -> SpeechView:
    """The speech of a batch, by the views that :meth:`CueModule.forward` takes.

    Raises:
        KeyError: a view is missing.
        ModelError: a view has another shape.
    """
    found = [required_view(views, name, shape, "av") for name, shape in _VIEWS.items()]
    of_video = [required_view(views, name, shape, "av") for name, shape in _VIDEO.items()]
    with torch.no_grad():
        video = read_video(*_numbers(*of_video))
        return read_speech(found[0], *_numbers(*found[1:]), video)


def _numbers(present: Tensor, mel: Tensor, heard: Tensor, openings: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Float32; shares beyond 0 and 1 mean nothing, and their roots are no numbers."""
    return present.float().clamp(0, 1), mel.float(), heard.float().clamp(0, 1), openings.float()


def _towers_part(speech: SpeechView) -> dict[str, Tensor]:
    return {name: getattr(speech, name) for name in _TOWERS}
