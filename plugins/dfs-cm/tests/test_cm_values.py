"""Known values of the whole cue module (the pseudo-fakes are made by an encoder): see the helper that compares them."""

from __future__ import annotations

from known_values import Known, check_cues

from dfcore.plugins import registry
from dfs_cm.module import CueModule

CUES: Known = {
    "dct": (0.13725, -0.23762, -0.20386),
    "quantization": (-0.12849, -0.50229, -1.39878),
    "block_boundaries": (-0.00955, 0.04114, 0.04743),
    "compression_level": (-0.30873, 0.08374, -0.06774),
    "dct (constant images)": (-0.34857, 0.09918, 0.16442),
    "quantization (constant images)": (-0.16147, -0.10235, -1.19351),
    "block_boundaries (constant images)": (-0.03144, 0.06382, 0.05411),
    "compression_level (constant images)": (-0.24437, 0.04494, -0.03386),
    "dct (missing evidence)": (0.15706, -0.24303, -0.20805),
    "quantization (missing evidence)": (-0.0033, -0.1343, 0.11862),
    "block_boundaries (missing evidence)": (0.00467, 0.03023, 0.05633),
    "compression_level (missing evidence)": (-0.19067, -0.10356, 0.09672),
    "dct (close-up)": (-0.3309, 0.17367, 0.21366),
    "quantization (close-up)": (0.04937, 0.93175, 0.01651),
    "block_boundaries (close-up)": (0.0725, -0.09362, 0.15305),
    "compression_level (close-up)": (-0.34731, -0.19035, -0.03463),
}


def test_each_cue_gives_on_made_clips_what_it_gave() -> None:
    check_cues(registry().specialist("cm"), CueModule(), CUES)
