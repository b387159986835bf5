"""The announcement of the specialist ``bg``; imports nothing heavy."""

from dfcore.hookspecs import hookimpl
from dfcore.specs import CueSpec, SpecialistSpec

DFCORE_API = 1


@hookimpl
def dfcore_specialist() -> SpecialistSpec:
    return SpecialistSpec(
        name="bg",
        title="Background inconsistency",
        cues=(
            CueSpec("face_boundary", 14, "steps of luma, chroma and sharpness across the face's contour"),
            CueSpec("lighting", 10, "low-order light and colour balance, face against surround"),
            CueSpec("shadow", 8, "intensity edges without a counterpart in illumination-invariant chroma"),
            CueSpec("background_consistency", 12, "noise residual descriptors, face against background, pair by pair"),
        ),
        module="dfs_bg.module:CueModule",
        views=("context", "face_mask", "tiles", "tile_face"),
        frames=1,
        clip_frames=8,
        # An exact flip, another place on the 16-pixel lattice, and three that touch the face view alone.
        augmentations=("hflip", "lattice_jitter", "face_colour", "face_erase", "face_blur"),
        emulation=True,
        abstain_reason="dfs_bg.abstain_reason:abstain_reason",
        pseudo_fake="dfs_bg.pseudo_fake:PseudoFake",
        finding="dfs_bg.finding:Finding",
        summary="the face's edge, light, shadow and noise against their surround",
        references=(
            "Li et al., Face X-ray for More General Face Forgery Detection, CVPR 2020",
            "Shiohara and Yamasaki, Detecting Deepfakes with Self-Blended Images, CVPR 2022",
            "Zhao et al., Learning Self-Consistency for Deepfake Detection (PCL), ICCV 2021",
            "Ramamoorthi and Hanrahan, An Efficient Representation for Irradiance Environment Maps, SIGGRAPH 2001",
            "Finlayson et al., On the Removal of Shadows from Images, IEEE TPAMI 2006",
            "Fridrich and Kodovsky, Rich Models for Steganalysis of Digital Images, IEEE TIFS 2012",
            "Comaniciu and Meer, Mean Shift: A Robust Approach Toward Feature Space Analysis, TPAMI 2002",
            "Nirkin et al., DeepFake Detection Based on Discrepancies Between Faces and their Context, TPAMI 2021",
        ),
    )
