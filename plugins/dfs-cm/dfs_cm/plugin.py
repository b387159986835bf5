"""The announcement of the specialist ``cm``; imports nothing heavy."""

from dfcore.hookspecs import hookimpl
from dfcore.specs import CueSpec, EvidenceSpec, SpecialistSpec

DFCORE_API = 1


@hookimpl
def dfcore_specialist() -> SpecialistSpec:
    return SpecialistSpec(
        name="cm",
        title="Compression artifacts",
        cues=(
            CueSpec("dct", 12, "block-DCT magnitudes, histograms and bands on the native grid"),
            CueSpec("quantization", 10, "recompression ghost without what the local spectrum explains"),
            CueSpec("block_boundaries", 10, "luma steps at every phase of the 8- and 16-pixel grid"),
            CueSpec("compression_level", 8, "zeroed high frequencies, blockiness, the quantiser as normaliser"),
        ),
        module="dfs_cm.module:CueModule",
        views=("tiles", "tile_face", "tile_parts", "qp", "ghost"),
        evidence=(
            EvidenceSpec(
                "ghost",
                3,
                "dfs_cm.evidence:extract_ghost",
                channels=18,
                summary="log squared change of each block when re-encoded at six qualities, by kind of frame; log "
                "activity and local spectrum",
            ),
        ),
        frames=1,
        clip_frames=8,
        # Every one of these leaves the native luma as decoded: an exact flip, another place on the 16-pixel
        # lattice, and three that touch the resized face view alone.
        augmentations=("hflip", "lattice_jitter", "face_colour", "face_erase", "face_blur"),
        abstain_reason="dfs_cm.abstain_reason:abstain_reason",
        pseudo_fake="dfs_cm.pseudo_fake:PseudoFake",
        finding="dfs_cm.finding:Finding",
        summary="the codec's history, inside the face against outside",
        references=(
            "Farid, Exposing Digital Forgeries from JPEG Ghosts, IEEE TIFS 2009",
            "Kwon et al., Learning JPEG Compression Artifacts for Image Manipulation Detection (CAT-Net v2), IJCV 2022",
            "Qian et al., Thinking in Frequency (F3-Net), ECCV 2020",
            "Fan and de Queiroz, Identification of Bitmap Compression History, IEEE TIP 2003",
            "Rössler et al., FaceForensics++, ICCV 2019",
        ),
    )
