"""Known values of the whole cue module, and of what the pseudo-fakes change: see the helper that compares them."""

from __future__ import annotations

from known_values import Known, check_cues, check_pseudo_fakes

from dfcore.plugins import registry
from dfs_av.module import CueModule
from dfs_av.pseudo_fake import PseudoFake

CUES: Known = {
    "lip_sync": (-0.60707, -0.02568, 0.17179),
    "audio_visual_correlation": (0.09315, 1.06374, -0.71919),
    "speech_patterns": (0.55177, 1.21655, -0.61024),
    "lip_sync (constant images)": (-0.1918, -0.47606, -0.15239),
    "audio_visual_correlation (constant images)": (0.07859, -0.01257, -0.25448),
    "speech_patterns (constant images)": (-0.68176, 0.95896, 0.22381),
    "lip_sync (missing evidence)": (-0.1918, -0.47606, -0.15239),
    "audio_visual_correlation (missing evidence)": (0.07859, -0.01257, -0.25448),
    "speech_patterns (missing evidence)": (-0.7643, 1.18183, 0.27167),
    "lip_sync (close-up)": (-0.02723, -0.14225, 0.10018),
    "audio_visual_correlation (close-up)": (-0.06716, 0.43795, 0.50099),
    "speech_patterns (close-up)": (0.17294, -0.45074, 0.58328),
}
FAKES: Known = {
    "shift1": (0, 0, 0, 0, 0, 0, -52.1639, -794.431),
    "shift3": (0, 0, 0, 0, 0, 0, -1036.04, 2068.15),
    "shift5": (0, 0, 0, 0, 0, 0, -1378.87, 1591.86),
    "shift10": (0, 0, 0, 0, 0, 0, -2733.51, 1469.05),
    "other": (0, 0, 0, 0, 0, 0, -9185.54, 734.659),
}


def test_each_cue_gives_on_made_clips_what_it_gave() -> None:
    check_cues(registry().specialist("av"), CueModule(), CUES)


def test_each_kind_of_pseudo_fake_changes_what_it_changed() -> None:
    check_pseudo_fakes(PseudoFake(), FAKES)
