"""The announcement of the specialist ``tm``; imports nothing heavy."""

from dfcore.hookspecs import hookimpl
from dfcore.specs import CueSpec, SpecialistSpec

DFCORE_API = 1


@hookimpl
def dfcore_specialist() -> SpecialistSpec:
    return SpecialistSpec(
        name="tm",
        title="Temporal inconsistency",
        cues=(
            CueSpec("frame_consistency", 14),
            CueSpec("motion_flow", 13),
            CueSpec("temporal_artifacts", 12),
            CueSpec("optical_flow", 13),
        ),
        clip_frames=16,
        summary="between frames: flicker and motion that do not fit",
    )
