"""The announcement of the specialist ``tm``; imports nothing heavy."""

from dfcore.hookspecs import hookimpl
from dfcore.specs import CueSpec, EvidenceSpec, SpecialistSpec

DFCORE_API = 1


@hookimpl
def dfcore_specialist() -> SpecialistSpec:
    return SpecialistSpec(
        name="tm",
        title="Temporal inconsistency",
        cues=(
            CueSpec("frame_consistency", 14, "structural similarity of consecutive frames, and how regular it is"),
            CueSpec("motion_flow", 13, "motion of the face against head and background; the codec's vectors"),
            CueSpec("temporal_artifacts", 12, "second temporal difference, flicker spectrum, exactly still blocks"),
            CueSpec(
                "optical_flow", 13, "local cost volume: flow, peak, entropy, forward-backward error, warp residual"
            ),
        ),
        module="dfs_tm.module:CueModule",
        views=("sequence", "sequence_mask", "motion", "change"),
        evidence=(
            EvidenceSpec(
                "change",
                1,
                "dfs_tm.evidence:extract_change",
                channels=3,
                summary="per native block: share of pixels that stayed exactly, log first and second differences",
            ),
        ),
        frames=16,
        clip_frames=16,
        # An exact flip, another place on the 16-pixel lattice, and three that touch the face view alone.
        augmentations=("hflip", "lattice_jitter", "face_colour", "face_erase", "face_blur"),
        emulation=True,
        abstain_reason="dfs_tm.abstain_reason:abstain_reason",
        pseudo_fake="dfs_tm.pseudo_fake:PseudoFake",
        finding="dfs_tm.finding:Finding",
        summary="what changes from frame to frame, inside the face against outside",
        references=(
            "Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE TIP 2004",
            "Teed and Deng, RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, ECCV 2020",
            "Gu et al., Spatiotemporal Inconsistency Learning for DeepFake Video Detection (STIL), ACM MM 2021",
            "Zheng et al., Exploring Temporal Coherence for More General Video Face Forgery Detection, ICCV 2021",
            "Wang et al., AltFreezing for More General Video Face Forgery Detection, CVPR 2023",
            "Gronquist et al., Efficient Temporally-Aware DeepFake Detection using H.264 Motion Vectors, 2023",
        ),
    )
