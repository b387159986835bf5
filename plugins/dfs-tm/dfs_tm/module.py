"""The cue module of the specialist ``tm``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dfcore.models.cues import hidden_samples, required_view
from dfs_tm.clip_view import read_clip
from dfs_tm.flow import measure
from dfs_tm.frame_consistency import FrameConsistencyCue
from dfs_tm.motion_flow import MotionFlowCue, without_vectors
from dfs_tm.optical_flow import OpticalFlowCue
from dfs_tm.temporal_artifacts import TemporalArtifactsCue

__all__ = ["CHANNELS", "CueModule"]

CHANNELS = {"frame_consistency": 14, "motion_flow": 13, "temporal_artifacts": 12, "optical_flow": 13}
"""The cues in channel order, as announced."""
_VIEWS = {
    "sequence": (16, 3, 112, 112),
    "sequence_mask": (16, 1, 112, 112),
    "motion": (16, 3, 28, 28),
    "change": (16, 49, 3, 4, 4),
}


class CueModule(nn.Module):
    """Four cues of sixteen consecutive frames: ``[B, 52, 7, 7]``.

    Every operator is fixed and needs no gradient; a small learned projection follows each. Computed in float32.
    """

    channels = sum(CHANNELS.values())

    def __init__(self) -> None:
        super().__init__()
        self.frame_consistency = FrameConsistencyCue(CHANNELS["frame_consistency"])
        self.motion_flow = MotionFlowCue(CHANNELS["motion_flow"])
        self.temporal_artifacts = TemporalArtifactsCue(CHANNELS["temporal_artifacts"])
        self.optical_flow = OpticalFlowCue(CHANNELS["optical_flow"])

    def forward(self, views: Mapping[str, Tensor]) -> Tensor:
        """The cue map, float32 ``[B, 52, 7, 7]``.

        Args:
            views: ``sequence`` uint8 ``[B, 16, 3, 112, 112]``; ``sequence_mask`` float ``[B, 16, 1, 112, 112]``;
                ``motion`` float ``[B, 16, 3, 28, 28]``; ``change`` float ``[B, 16, 49, 3, 4, 4]``. Others are ignored.

        Raises:
            KeyError: a view is missing.
            ModelError: a view has another shape.
        """
        return self.project(self.describe(views))

    @torch.no_grad()
    def describe(self, views: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The operators' features by cue, float32 ``[B, K, 49]``: fixed functions of the views that may be kept."""
        sequence, mask, codec, change = (required_view(views, name, shape, "tm") for name, shape in _VIEWS.items())
        with torch.autocast(sequence.device.type, enabled=False):
            clip = read_clip(sequence, mask)
            flow = measure(clip.luma)
            return {
                "frame_consistency": self.frame_consistency.describe(clip),
                "motion_flow": self.motion_flow.describe(clip, flow, codec.float()),
                "temporal_artifacts": self.temporal_artifacts.describe(clip, change.float()),
                "optical_flow": self.optical_flow.describe(clip, flow),
            }

    def project(self, described: Mapping[str, Tensor]) -> Tensor:
        """The learned half: what :meth:`describe` gave to the cue map ``[B, 52, 7, 7]``.

        In training the codec's vectors are hidden from a share of the samples, as if the file had none.
        """
        motion = described["motion_flow"]
        with torch.autocast(motion.device.type, enabled=False):
            hidden = hidden_samples(motion.shape[0], motion.device, training=self.training)
            cues = (
                self.frame_consistency.projection(described["frame_consistency"]),
                self.motion_flow.projection(without_vectors(motion, hidden)),
                self.temporal_artifacts.projection(described["temporal_artifacts"]),
                self.optical_flow.projection(described["optical_flow"]),
            )
            return torch.cat(cues, 1)
