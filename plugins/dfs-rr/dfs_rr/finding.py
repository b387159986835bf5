"""What RR says in words: the face's resolution against that of its surround."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from dfcore.models.findings import Trace
from dfs_rr.edge_sharpness import EdgeSharpness
from dfs_rr.interpolation import Interpolation
from dfs_rr.multi_scale import SCALES, MultiScale
from dfs_rr.window import PER_RATIO, VIEWS, Operator

__all__ = ["Finding"]

_AGAINST = 3
"""Of the six groups of :meth:`dfs_rr.window.Places.compare`: the face's log ratio minus the surround's."""
_PROFILE = 20
"""Numbers of the interpolation peaks' last group, the face's minus the surround's; the whole plane's first."""


class Finding:
    """Four numbers of a frame, each the face's minus the surround's."""

    traces = (
        Trace(
            "half_size_nepers",
            "reduced to half and enlarged again, the face loses more than its surround",
            "reduced to half and enlarged again, the face loses less than its surround, as one that was enlarged does",
            "nepers",
        ),
        Trace(
            "finest_octave_nepers",
            "the face holds more detail of one or two pixels than its surround",
            "the face holds less detail of one or two pixels than its surround",
            "nepers",
        ),
        Trace(
            "edge_width_nepers",
            "the face's sharpest edges are wider than those of its surround",
            "the face's sharpest edges are narrower than those of its surround",
            "nepers",
        ),
        Trace(
            "periodicity_nepers",
            "pixels of the face are periodically predictable, as interpolation leaves them, and those of its surround "
            "less so",
            unit="nepers",
        ),
    )

    def measure(self, views: Mapping[str, Tensor], cue_module: nn.Module) -> dict[str, Tensor]:
        """Each number of each sample; see :class:`dfcore.models.findings.Finding`."""
        described = cue_module.describe({name: views[name] for name in VIEWS})  # type: ignore[operator]

        def against(cue: str, kind: type[Operator], number: int) -> Tensor:
            found: Tensor = described[cue][:, 0, _AGAINST * (kind.descriptors // PER_RATIO) + number]
            return found

        interpolation = described["interpolation"][:, 0, : Interpolation.descriptors]
        widths = [against("edge_sharpness", EdgeSharpness, number) for number in (0, 1)]
        return {
            "half_size_nepers": against("multi_scale", MultiScale, SCALES.index(0.5)),
            "finest_octave_nepers": against("multi_scale", MultiScale, len(SCALES)),
            "edge_width_nepers": (widths[0] + widths[1]) / 2,
            "periodicity_nepers": interpolation[:, -_PROFILE],
        }
