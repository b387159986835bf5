"""The announcement of the specialist ``av``; imports nothing heavy."""

from dfcore.hookspecs import hookimpl
from dfcore.specs import CueSpec, SpecialistSpec

DFCORE_API = 1


@hookimpl
def dfcore_specialist() -> SpecialistSpec:
    return SpecialistSpec(
        name="av",
        title="Audio-visual synchronisation",
        cues=(
            CueSpec(
                "lip_sync", 18, "learned similarity of mouth and voice at 31 delays: where it lies, how it spreads"
            ),
            CueSpec(
                "audio_visual_correlation",
                18,
                "mouth opening and motion against envelope and bands, per delay; by landmarks too",
            ),
            CueSpec("speech_patterns", 12, "voice activity, onsets, 2-8 Hz modulation of voice and of mouth"),
        ),
        module="dfs_av.module:CueModule",
        views=(
            *("mouth", "mouth_present", "log_mel", "audio_present", "mouth_openings"),
            *("video_mouth_present", "video_log_mel", "video_audio_present", "video_mouth_openings"),
        ),
        frames=1,
        clip_frames=8,
        speech=2.4,
        spatial_map=False,  # rows are time, columns delay
        # A mirror (the mouth's too), and three that touch the face view alone.
        augmentations=("hflip", "face_colour", "face_erase", "face_blur"),
        emulation=True,
        abstain_reason="dfs_av.abstain_reason:abstain_reason",
        pseudo_fake="dfs_av.pseudo_fake:PseudoFake",
        finding="dfs_av.finding:Finding",
        summary="lips against voice",
        references=(
            "Chung and Zisserman, Out of Time: Automated Lip Sync in the Wild (SyncNet), ACCV Workshops 2016",
            "Feng et al., Self-Supervised Video Forensics by Audio-Visual Anomaly Detection, CVPR 2023",
            "Haliassos et al., Lips Don't Lie: A Generalisable and Robust Approach ... (LipForensics), CVPR 2021",
            "Smeu et al., Circumventing Shortcuts in Audio-Visual Deepfake Detection Datasets (AVH-Align), CVPR 2025",
            "van den Oord et al., Representation Learning with Contrastive Predictive Coding (InfoNCE), 2018",
            "Chandrasekaran et al., The Natural Statistics of Audiovisual Speech, PLoS Computational Biology 2009",
        ),
    )
