"""What TM says in words: how the face goes on from frame to frame, against its surround."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.models.findings import Trace
from dfs_tm.clip_view import against_surround, cells, read_clip, regularity
from dfs_tm.flow import measure
from dfs_tm.frame_consistency import log_distance, ssim
from dfs_tm.temporal_artifacts import roughness

__all__ = ["Finding"]

_LARGEST, _LEAST = 2, 3
"""Of :func:`dfs_tm.clip_view.regularity`: the largest value above the median, and the least one below it."""


class Finding:
    """Five numbers of sixteen frames."""

    traces = (
        Trace(
            "flicker_nepers",
            "the face flickers from frame to frame more than its surround",
            "the face flickers from frame to frame less than its surround",
            "nepers",
        ),
        Trace(
            "warp_residual_nepers",
            "the face's motion leaves more unexplained from frame to frame than its surround's",
            "the face's motion leaves less unexplained from frame to frame than its surround's",
            "nepers",
        ),
        Trace(
            "still_share",
            "more of the face than of its surround stays exactly still from frame to frame",
            "less of the face than of its surround stays exactly still from frame to frame",
            digits=3,
        ),
        Trace(
            "jump_nepers",
            "one step from frame to frame is far larger than the others, as a dropped frame leaves",
            unit="nepers",
        ),
        Trace(
            "repeat_nepers",
            "one step from frame to frame is far smaller than the others, as a repeated frame leaves",
            unit="nepers",
        ),
    )

    def measure(self, views: Mapping[str, Tensor], cue_module: nn.Module) -> dict[str, Tensor]:
        """Each number of each sample; see :class:`dfcore.models.findings.Finding`."""
        clip = read_clip(views["sequence"], views["sequence_mask"])
        small = F.avg_pool2d(clip.luma, 2)
        pairs = [part.flatten(0, 1) for part in (small[:, :-1], small[:, 1:])]
        shape = len(small), small.shape[1] - 1
        steps = regularity(log_distance(ssim(pairs[0], pairs[1])).unflatten(0, shape).mean((2, 3)))
        residual = cells(measure(clip.luma).residual).mean(1, keepdim=True)
        still = views["change"].float()[:, 1:, :, 0].mean((1, 3, 4))[:, None]  # [B, 1, 49]
        return {
            "flicker_nepers": against_surround(roughness(small)[:, None], clip.face)[:, 0],
            "warp_residual_nepers": against_surround(residual, clip.face)[:, 0],
            "still_share": against_surround(still, clip.face)[:, 0],
            "jump_nepers": steps[:, _LARGEST],
            "repeat_nepers": steps[:, _LEAST],
        }
