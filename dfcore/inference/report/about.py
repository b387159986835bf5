"""What all pages of a report share: the models that judged, what their verdicts rest on, and how to make it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dfcore.inference.models import Member
from dfcore.inference.predict import Predictor
from dfcore.inference.report.quality import Measured, Training, measured_quality, training_of
from dfcore.version import package_versions

__all__ = ["About", "CueFacts", "ModelFacts"]

_PACKAGES = ("torch", "timm", "numpy", "av", "onnxruntime")


@dataclass(frozen=True, slots=True)
class CueFacts:
    """One cue of a specialist: its name, how many channels it has, what it measures."""

    name: str
    channels: int
    summary: str


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One specialist that judged.

    Attributes:
        label: as in the results.
        title: what it looks for.
        summary: its announced sentence.
        path: the file of weights.
        hash: SHA-256 of the weights.
        stage: that it was trained through; None where the file does not say.
        dataset: that it was trained on, or "".
        training: how it was trained.
        cues: in channel order.
        references: papers.
        samples: samples a person that it judges by.
        uses_audio: whether it reads the audio.
        spatial: whether the cells of its cue map are places in the image.
        counted: whether its score is fused with others.
        measured: how well it tells fakes apart, by what was measured on.
        warnings: what a reader of its scores must know.
        limits: what else a reader must know, in sentences.
    """

    label: str
    title: str
    summary: str
    path: str
    hash: str
    stage: int | None
    dataset: str
    training: Training
    cues: tuple[CueFacts, ...]
    references: tuple[str, ...]
    samples: int
    uses_audio: bool
    spatial: bool
    counted: bool
    measured: tuple[Measured, ...]
    warnings: tuple[str, ...]
    limits: tuple[str, ...]

    @classmethod
    def of(cls, member: Member) -> ModelFacts:
        """What is known of a specialist that is loaded, its measured quality from what lies beside its weights."""
        spec = member.model.spec
        measured, limits = measured_quality(member.path, member.hash)
        return cls(
            label=member.label,
            title=spec.title,
            summary=spec.summary,
            path=str(member.path),
            hash=member.hash,
            stage=member.stage,
            dataset=member.dataset,
            training=training_of(member.path),
            cues=tuple(CueFacts(cue.name, cue.channels, cue.summary) for cue in spec.cues),
            references=spec.references,
            samples=member.samples,
            uses_audio=spec.uses_audio,
            spatial=spec.spatial_map,
            counted=member.counted,
            measured=tuple(measured),
            warnings=member.warnings,
            limits=tuple(limits),
        )


@dataclass(frozen=True, slots=True)
class About:
    """What all pages of a report share.

    Attributes:
        models: the specialists that judged.
        statements: what verdicts rest on and what was noted of the weights.
        prior: the share of fakes that probabilities were computed with.
        command: how to make the report again.
        versions: of dfcore, Python and the packages that figures depend on, by name.
        device: where it was computed.
        made: when.
    """

    models: tuple[ModelFacts, ...]
    statements: tuple[str, ...]
    prior: float
    command: str
    versions: tuple[tuple[str, str], ...]
    device: str
    made: datetime

    @classmethod
    def of(cls, predictor: Predictor, *, prior: float = 0.5, command: str = "") -> About:
        """What is to be said of a predictor's results.

        Args:
            predictor: that judges.
            prior: that it was given.
            command: that makes the report again, as one would type it.
        """
        members = predictor.roster.members
        return cls(
            models=tuple(ModelFacts.of(member) for member in members),
            statements=(*predictor.judge.notes, *predictor.roster.notes),
            prior=prior,
            command=command,
            versions=tuple(package_versions([*_PACKAGES, *_distributions(members)]).items()),
            device=predictor.device,
            made=datetime.now(UTC),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of all models."""
        return tuple(dict.fromkeys(warning for model in self.models for warning in model.warnings))


def _distributions(members: Sequence[Member]) -> list[str]:
    """The distributions that the specialists came in: a plugin's package and its distribution share their name."""
    packages = (member.model.spec.module.partition(":")[0].partition(".")[0] for member in members)
    return sorted({name.replace("_", "-") for name in packages if name})
