"""What specialists need of each file, in as few passes as serve all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dfcore.data.clips.plan import REFERENCE, ClipPlan
from dfcore.specs import EvidenceSpec

__all__ = ["Job", "join_jobs"]


@dataclass(frozen=True, slots=True)
class Job:
    """What specialists need of each file that find the same people, in the same clips but for their length.

    ``plan`` is the longest; ``evidence`` is extracted from the middle ``frames`` of each clip, for each pair of a spec
    and ``frames``.
    """

    plan: ClipPlan
    evidence: tuple[tuple[EvidenceSpec, int], ...] = ()

    @classmethod
    def of(cls, plan: ClipPlan, evidence: Sequence[EvidenceSpec] = ()) -> Job:
        """The job of a single plan."""
        return cls(plan, tuple((spec, plan.frames) for spec in evidence))

    def takes(self, plan: ClipPlan) -> bool:
        """Whether clips of this job hold those of ``plan``, or would with more frames, speech or landmarks."""
        longer = replace(self.plan, frames=plan.frames, speech=plan.speech, landmarks=plan.landmarks)
        return longer == plan and max(REFERENCE, self.plan.frames) == max(REFERENCE, plan.frames)

    def joined(self, other: Job) -> Job:
        """The job that serves both."""
        evidence = dict.fromkeys((*self.evidence, *other.evidence))
        return Job(self.plan.union(other.plan), tuple(evidence))


def join_jobs(jobs: Sequence[Job]) -> tuple[Job, ...]:
    """As few jobs as serve all, in the order of the first of each."""
    joined: list[Job] = []
    for job in jobs:
        place = next((i for i, other in enumerate(joined) if other.takes(job.plan)), None)
        if place is None:
            joined.append(job)
        else:
            joined[place] = joined[place].joined(job)
    return tuple(joined)
