"""What RR says in words: each number moves as its words say when the face is changed so."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.data.clips import Clip
from dfcore.testing.views import clip_views, made_clip, with_face
from dfs_rr.finding import Finding
from dfs_rr.module import CueModule
from dfs_rr.plugin import dfcore_specialist

FRAMES = dfcore_specialist().clip_frames


def numbers(clip: Clip) -> dict[str, float]:
    with torch.no_grad():
        found = Finding().measure(clip_views(dfcore_specialist(), clip), CueModule().eval())
    return {name: float(value[0]) for name, value in found.items()}


def test_a_face_that_was_made_small_and_enlarged_has_a_lower_resolution() -> None:
    clip = made_clip(3, frames=FRAMES)
    size = clip.y.shape[-2:]
    small = F.interpolate(torch.from_numpy(clip.y).float()[:, None], scale_factor=0.4, mode="bilinear", antialias=True)
    enlarged = F.interpolate(small, size=size, mode="bicubic")[:, 0].numpy()
    before, after = numbers(clip), numbers(with_face(clip, enlarged))
    assert after["half_size_nepers"] < before["half_size_nepers"] - 0.2
    assert after["finest_octave_nepers"] < before["finest_octave_nepers"] - 0.2
    assert after["edge_width_nepers"] > before["edge_width_nepers"] + 0.05


def test_an_enlarged_face_that_was_never_compressed_is_periodic() -> None:
    clip = made_clip(3, frames=FRAMES)
    half = torch.from_numpy(clip.y).float()[:, None, ::2, ::2]
    enlarged = F.interpolate(half, size=clip.y.shape[-2:], mode="bilinear")[:, 0].numpy()
    assert numbers(with_face(clip, enlarged))["periodicity_nepers"] > numbers(clip)["periodicity_nepers"] + 0.1


class Described(nn.Module):
    """A cue module whose descriptors are given."""

    def __init__(self, described: dict[str, Tensor]) -> None:
        super().__init__()
        self.described = described

    def describe(self, views: Mapping[str, Tensor]) -> dict[str, Tensor]:
        assert set(views) == {"tiles", "tile_face", "qp"}
        return self.described


def test_each_number_is_a_log_ratio_of_the_face_minus_that_of_its_surround() -> None:
    """Of K ratios the descriptors 3K to 4K (`Places.compare`); of the peaks the last twenty, the whole plane's first.
    Behind them lie six confounders.
    """
    sizes = {"multi_scale": 60 + 6, "edge_sharpness": 36 + 6, "interpolation": 12 + 5 + 60 + 6}
    generator = torch.Generator().manual_seed(0)
    made = {cue: torch.rand(2, 49, size, generator=generator) for cue, size in sizes.items()}
    views = dict.fromkeys(("tiles", "tile_face", "qp", "face"), torch.zeros(2))
    found = Finding().measure(views, Described(made))
    scales, edges, peaks = (part[:, 0] for part in made.values())
    expected = {
        "half_size_nepers": scales[:, 30 + 4],  # .9, .8, .7, .6 and .5 of its size
        "finest_octave_nepers": scales[:, 30 + 6],
        "edge_width_nepers": edges[:, 18:20].mean(1),
        "periodicity_nepers": peaks[:, 12 + 5 + 40],
    }
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        torch.testing.assert_close(found[name], values)
