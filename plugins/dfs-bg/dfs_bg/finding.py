"""What BG says in words: detail, noise, colour and outline of the face against its surround."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dfcore.models.findings import Trace
from dfs_bg.background_consistency import BackgroundConsistencyCue
from dfs_bg.face_boundary import RADII, coherence, polar, radial_steps
from dfs_bg.regions import contrast, log_chromaticity, read_region
from dfs_bg.texture import OCTAVES, octaves, texture

__all__ = ["Finding"]

_OUTLINE = (0.85, 1.2)
"""Radii about the face's outline, in its half axes."""
_RIM = 6 * OCTAVES
"""Where :func:`dfs_bg.texture.texture` has the core's log energies minus the outline's, finest octave first."""
_BEYOND = -14
"""Where it has what the core's finest octave has beyond what the surround foretells."""


class Finding:
    """Five numbers of a frame, each of the face against what surrounds it."""

    traces = (
        Trace(
            "mid_band_nepers",
            "the inner face carries more energy at details of 4 to 8 pixels than its rim",
            "the inner face carries less energy at details of 4 to 8 pixels than its rim",
            "nepers",
        ),
        Trace(
            "fine_detail_nepers",
            "the face has more of the finest detail than its coarser detail foretells by the surround",
            "the face has less of the finest detail than its coarser detail foretells by the surround",
            "nepers",
        ),
        Trace(
            "noise_nepers",
            "the face is noisier than surroundings of equal contrast",
            "the face is less noisy than surroundings of equal contrast",
            "nepers",
        ),
        Trace(
            "red_balance_nepers",
            "the face is redder against its surround",
            "the face is less red against its surround",
            "nepers",
        ),
        Trace("outline_coherence", "a step of colour in one direction runs along the face's outline"),
    )

    def measure(self, views: Mapping[str, Tensor], cue_module: nn.Module) -> dict[str, Tensor]:
        """Each number of each sample; see :class:`dfcore.models.findings.Finding`."""
        region = read_region(views["context"].float(), views["face_mask"].float())
        tiles, tile_face = views["tiles"], views["tile_face"].float()
        energy = octaves(tiles.flatten(0, 1).float()).unflatten(0, tiles.shape[:2])
        detail = texture(energy, tile_face)
        cue = cue_module.background_consistency
        assert isinstance(cue, BackgroundConsistencyCue)
        noise = contrast(cue.unexplained_descriptors(tiles, tile_face), tile_face.mean((-2, -1)))
        balance = contrast(log_chromaticity(region.rgb).flatten(2), region.mask.flatten(1))
        steps = radial_steps(polar(region.chroma, region))
        inner = [place + 2 for place in range(steps.shape[2])]
        near = [k for k, place in enumerate(inner) if _OUTLINE[0] <= RADII[place] <= _OUTLINE[1]]
        return {
            "mid_band_nepers": detail[:, _RIM + 2],
            "fine_detail_nepers": detail[:, _BEYOND],
            "noise_nepers": noise[:, 0],
            "red_balance_nepers": balance[:, 0],
            "outline_coherence": torch.amax(coherence(steps[:, :, near]), -1),
        }
