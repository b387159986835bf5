"""Known values of the whole cue module, and of what the pseudo-fakes change: see the helper that compares them."""

from __future__ import annotations

from known_values import Known, check_cues, check_pseudo_fakes

from dfcore.plugins import registry
from dfs_bg.module import CueModule
from dfs_bg.pseudo_fake import PseudoFake

CUES: Known = {
    "face_boundary": (0.18751, 1.13223, -0.36253),
    "lighting": (0.05374, -0.05843, 0.21763),
    "shadow": (0.5173, 0.58336, 0.29242),
    "background_consistency": (-0.06822, -1.12976, 0.43812),
    "face_boundary (constant images)": (-0.05525, 1.14112, -0.39629),
    "lighting (constant images)": (0.04814, 0.00113, 0.11425),
    "shadow (constant images)": (0.79905, 0.69174, 0.78791),
    "background_consistency (constant images)": (0.28187, -0.79299, -1.0853),
    "face_boundary (missing evidence)": (0.27141, 0.94019, -0.26888),
    "lighting (missing evidence)": (0.01212, -0.17035, 0.26379),
    "shadow (missing evidence)": (0.46911, 0.50393, 0.24562),
    "background_consistency (missing evidence)": (-0.01974, -1.05614, 0.55596),
    "face_boundary (close-up)": (0.04767, -0.12456, -0.7923),
    "lighting (close-up)": (0.11253, -0.36758, 0.23904),
    "shadow (close-up)": (-0.32955, 0.86619, -0.12952),
    "background_consistency (close-up)": (-2.57499, 2.09515, 1.87927),
}
FAKES: Known = {
    "sbi": (-1.01675, 2.15303, -0.40541, -0.03825, 1.30294, 0.41115, 0, 0),
}


def test_each_cue_gives_on_made_clips_what_it_gave() -> None:
    check_cues(registry().specialist("bg"), CueModule(), CUES)


def test_each_kind_of_pseudo_fake_changes_what_it_changed() -> None:
    check_pseudo_fakes(PseudoFake(), FAKES)
