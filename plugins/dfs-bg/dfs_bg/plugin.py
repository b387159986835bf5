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
            CueSpec("face_boundary", 14),
            CueSpec("lighting", 10),
            CueSpec("shadow", 8),
            CueSpec("background_consistency", 12),
        ),
        clip_frames=16,
        summary="the face's edge, light, shadow and noise against their surround",
    )
