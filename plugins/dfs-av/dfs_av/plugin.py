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
            CueSpec("lip_sync", 18),
            CueSpec("audio_visual_correlation", 18),
            CueSpec("speech_patterns", 12),
        ),
        clip_frames=25,
        summary="lips against voice",
    )
