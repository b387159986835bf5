"""Known values of the whole cue module, and of what the pseudo-fakes change: see the helper that compares them."""

from __future__ import annotations

from known_values import Known, check_cues, check_pseudo_fakes

from dfcore.plugins import registry
from dfs_tm.module import CueModule
from dfs_tm.pseudo_fake import PseudoFake

CUES: Known = {
    "frame_consistency": (0.04025, -0.2409, -0.33007),
    "motion_flow": (0.58357, 0.06155, -0.37705),
    "temporal_artifacts": (0.05276, -2.87577, -3.41758),
    "optical_flow": (-0.08493, 0.10002, -0.06339),
    "frame_consistency (constant images)": (-0.06996, -0.51999, -0.4034),
    "motion_flow (constant images)": (0.53254, -0.16843, 0.14691),
    "temporal_artifacts (constant images)": (-0.44909, -3.33273, -3.25016),
    "optical_flow (constant images)": (0.22872, 0.02173, -0.21501),
    "frame_consistency (missing evidence)": (0.00952, -0.24156, -0.32922),
    "motion_flow (missing evidence)": (0.46822, 0.06519, -0.25386),
    "temporal_artifacts (missing evidence)": (0.20159, -2.86027, -3.36667),
    "optical_flow (missing evidence)": (-0.05503, 0.16185, -0.07825),
    "frame_consistency (close-up)": (0.37879, 0.18304, 0.13631),
    "motion_flow (close-up)": (0.20094, 0.34664, -0.32038),
    "temporal_artifacts (close-up)": (2.06995, -1.74738, 0.87829),
    "optical_flow (close-up)": (0.08988, 0.1388, -0.04768),
}
FAKES: Known = {
    "flicker": (2.22923, -1.4114, 0.35276, -0.05874, 0.33808, -0.77254, 0, 0),
    "drop": (-12.0501, 1.40766, 0, 0, 0, 0, 0, 0),
    "repeat": (27.7392, -13.7112, 0, 0, 0, 0, 0, 0),
}


def test_each_cue_gives_on_made_clips_what_it_gave() -> None:
    check_cues(registry().specialist("tm"), CueModule(), CUES)


def test_each_kind_of_pseudo_fake_changes_what_it_changed() -> None:
    check_pseudo_fakes(PseudoFake(), FAKES)
