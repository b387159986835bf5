"""Known values of the whole cue module, and of what the pseudo-fakes change: see the helper that compares them."""

from __future__ import annotations

from known_values import Known, check_cues, check_pseudo_fakes

from dfcore.plugins import registry
from dfs_rr.module import CueModule
from dfs_rr.pseudo_fake import PseudoFake

CUES: Known = {
    "multi_scale": (-0.43536, -0.94822, 0.60882),
    "upscaling": (-0.14617, 0.024, 0.27086),
    "edge_sharpness": (-0.66714, -0.58563, 1.29082),
    "interpolation": (0.76782, -0.47264, -0.51237),
    "multi_scale (constant images)": (-0.27419, 0.2964, -0.11298),
    "upscaling (constant images)": (-0.05588, -0.32027, 0.78239),
    "edge_sharpness (constant images)": (-0.6772, 0.48392, 1.24226),
    "interpolation (constant images)": (0.49618, 0.0655, -0.15851),
    "multi_scale (missing evidence)": (0.12741, 0.63538, -0.89788),
    "upscaling (missing evidence)": (-0.62872, 0.05489, 0.0955),
    "edge_sharpness (missing evidence)": (-0.06443, 0.05827, 0.79656),
    "interpolation (missing evidence)": (0.57469, 0.15802, -0.18447),
    "multi_scale (close-up)": (-0.06849, 1.89512, -0.59267),
    "upscaling (close-up)": (0.19474, -0.47366, 0.80984),
    "edge_sharpness (close-up)": (1.42276, -0.42332, 1.04622),
    "interpolation (close-up)": (0.69816, -0.2008, 0.42121),
}
FAKES: Known = {
    "x1.3": (2.42177, -1.65131, 0, 0, 0, 0, 0, 0),
    "x1.5": (4.41435, -0.12446, 0, 0, 0, 0, 0, 0),
    "x2": (5.57137, -1.30942, 0, 0, 0, 0, 0, 0),
    "x3": (5.29757, -1.16945, 0, 0, 0, 0, 0, 0),
    "sharper": (-8.44845, 1.15815, 0, 0, 0, 0, 0, 0),
}


def test_each_cue_gives_on_made_clips_what_it_gave() -> None:
    check_cues(registry().specialist("rr"), CueModule(), CUES)


def test_each_kind_of_pseudo_fake_changes_what_it_changed() -> None:
    check_pseudo_fakes(PseudoFake(), FAKES)
