"""The announcement of the specialist ``rr``; imports nothing heavy."""

from dfcore.hookspecs import hookimpl
from dfcore.specs import CueSpec, SpecialistSpec

DFCORE_API = 1


@hookimpl
def dfcore_specialist() -> SpecialistSpec:
    return SpecialistSpec(
        name="rr",
        title="Resolution inconsistency",
        cues=(
            CueSpec("multi_scale", 10, "scale ladder (energy lost by reducing and enlarging), Laplacian octaves"),
            CueSpec("upscaling", 10, "neighbouring-pixel relations, the spectrum's bands and its knee"),
            CueSpec("edge_sharpness", 8, "gradient width and re-blur sharpness of the sharpest edges"),
            CueSpec("interpolation", 8, "linear-predictor and second-difference periodicity, codec lattice notched"),
        ),
        module="dfs_rr.module:CueModule",
        views=("tiles", "tile_face", "qp"),
        frames=1,
        clip_frames=8,
        # Every one of these leaves the native luma as decoded: an exact flip, another place on the 16-pixel
        # lattice, and three that touch the resized face view alone.
        augmentations=("hflip", "lattice_jitter", "face_colour", "face_erase", "face_blur"),
        abstain_reason="dfs_rr.abstain_reason:abstain_reason",
        pseudo_fake="dfs_rr.pseudo_fake:PseudoFake",
        finding="dfs_rr.finding:Finding",
        summary="the pixel grid: faces made small and enlarged",
        references=(
            "Li and Lyu, Exposing DeepFake Videos By Detecting Face Warping Artifacts, CVPR Workshops 2019",
            "Tan et al., Rethinking the Up-Sampling Operations in CNN-based Generative Networks (NPR), CVPR 2024",
            "Burt and Adelson, The Laplacian Pyramid as a Compact Image Code, IEEE Trans. Communications 1983",
            "Crété-Roffet et al., The Blur Effect: Perception and Estimation with a New No-Reference Metric, SPIE 2007",
            "Zhuo and Sim, Defocus Map Estimation from a Single Image, Pattern Recognition 2011",
            "Kirchner, Fast and Reliable Resampling Detection by Spectral Analysis, ACM MM&Sec 2008",
            "Gallagher, Detection of Linear and Cubic Interpolation in JPEG Compressed Images, CRV 2005",
            "Mahdian and Saic, Blind Authentication Using Periodic Properties of Interpolation, IEEE TIFS 2008",
        ),
    )
