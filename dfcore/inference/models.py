"""Finding trained specialists, and what their files say of how they judge."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dfcore.config import code_named
from dfcore.data.clips.plan import LANDMARKS, ClipPlan
from dfcore.errors import CheckpointError, DfcoreError, ModelError, PluginError, UnknownNameError, UsageError
from dfcore.filesystem.paths import exists, is_file, is_folder, name_trouble, why_unreadable

if TYPE_CHECKING:
    from dfcore.models.specialist import Specialist
    from dfcore.specs import SpecialistSpec

__all__ = [
    "ALL_PEOPLE",
    "Found",
    "Member",
    "Roster",
    "find_models",
    "load_models",
    "people_number",
    "plan_of",
    "refuse_run_state",
]

FINAL = re.compile(r"(?P<name>.+)_stage(?P<stage>\d+)_final\.pt")
ALL_PEOPLE = 64
"""People judged in a file at most."""


def people_number(people: int | str | None) -> int | None:
    """How many people are judged in a file, of a number or ``"all"``; None leaves it to each specialist."""
    return None if people is None else ALL_PEOPLE if people == "all" else min(int(people), ALL_PEOPLE)


_LIMITS = {"clips_per_video": (4, 64), "clip_frames": (8, 256), "people": (1, ALL_PEOPLE), "eval_samples": (8, 1024)}
"""Default and upper limit of what a weights' file says of how it judges: it may come from anywhere."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of weights; ``named`` says that it was given itself, not found in a folder."""

    path: Path
    named: bool


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A specialist that judges.

    Attributes:
        label: its name, with the stage where several of one name judge.
        model: in evaluation mode.
        path: the file that it came from.
        hash: SHA-256 of its weights.
        stage: that it was trained through; None where the file does not say.
        dataset: that it was trained on, or "".
        plan: the clips that it judges, as in its own evaluation.
        samples: samples a person, likewise.
        warnings: what a reader of its scores must know.
        counted: whether its score is fused with others.
    """

    label: str
    model: Specialist
    path: Path
    hash: str
    stage: int | None
    dataset: str
    plan: ClipPlan
    samples: int
    warnings: tuple[str, ...] = ()
    counted: bool = True

    @property
    def origin(self) -> str:
        """``cm: stage 1, trained on demo, runs/cm_stage1/cm_stage1_final.pt``."""
        stage = "" if self.stage is None else f"stage {self.stage}, "
        dataset = f"trained on {self.dataset}, " if self.dataset else ""
        return f"{self.label}: {stage}{dataset}{self.path}"


@dataclass(frozen=True, slots=True)
class Roster:
    """The specialists that judge, and what is to be said of the files that were found."""

    members: tuple[Member, ...]
    notes: tuple[str, ...] = ()

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of the weights by label."""
        return {member.label: member.hash for member in self.members}


def find_models(paths: Sequence[Path]) -> tuple[list[Found], list[str]]:
    """The weights that are meant, and sentences about what was chosen.

    A file is taken as it is. Of a folder (a run's, or one of runs) each specialist's weights of the highest finished
    stage are taken; of several of one stage the newest.

    Raises:
        CheckpointError: a path does not exist, or holds no finished weights; the message says what to give.
    """
    found: dict[Path, Found] = {}
    notes: list[str] = []
    for path in paths:
        if is_folder(path):
            inside, said = _in_folder(path)
            notes += said
            for file in inside:
                found.setdefault(file.resolve(), Found(file, named=False))
        elif exists(path):
            found[path.resolve()] = Found(path, named=True)
        else:
            odd = name_trouble(path) or os.path.islink(path)  # noqa: PTH114 - see dfcore.filesystem.paths.is_file
            raise CheckpointError(f"{why_unreadable(path) if odd else f'{path} does not exist.'} {_TRAIN_FIRST}")
    return list(found.values()), notes


_TRAIN_FIRST = (
    "Train a specialist first, for example `dfcore train cm` with stage=1 and data.root=demo; then give the folder of "
    "its runs, a run's folder, a *_final.pt or a best epoch's .zip."
)


def _in_folder(folder: Path) -> tuple[list[Path], list[str]]:
    stages: dict[str, list[tuple[int, float, Path]]] = {}
    for path in sorted(folder.rglob("*_final.pt")):
        match = FINAL.fullmatch(path.name)
        if match and is_file(path):
            stages.setdefault(match["name"], []).append((int(match["stage"]), path.stat().st_mtime, path))
    if not stages:
        raise CheckpointError(_no_weights(folder))
    chosen, notes = [], []
    for name in sorted(stages):
        stage, _, path = max(stages[name])
        chosen.append(path)
        others = sorted({number for number, _, _ in stages[name]} - {stage})
        if others:
            notes.append(f"{name}: the weights of stage {stage} are taken, not those of stage {_listed(others)}.")
        same = [other for number, _, other in stages[name] if number == stage and other != path]
        if same:
            notes.append(f"{name}: {path} is the newest of {len(same) + 1} of stage {stage} in {folder}.")
    return chosen, notes


def _listed(numbers: Sequence[int]) -> str:
    return " and ".join(map(str, numbers)) if len(numbers) < 3 else ", ".join(map(str, numbers))


def _no_weights(folder: Path) -> str:
    unfinished = sorted({path.parent for path in folder.rglob("last.pt")})
    zips = sorted(folder.rglob("*_epoch*.zip"))
    if unfinished:
        finish = f"{unfinished[0]} holds a run that is not finished: it has no final weights yet. "
        ways = "Finish it (`dfcore train` as it was begun, with resume=True)"
        return finish + ways + (f", or name an epoch's weights, for example {zips[-1]}." if zips else ".")
    if zips:
        return f"{folder} holds no *_stage*_final.pt. Name an epoch's weights, for example {zips[-1]}."
    return f"{folder} holds no *_stage*_final.pt. {_TRAIN_FIRST}"


def load_models(
    found: Sequence[Found],
    device: str,
    *,
    people: int | None = None,
    samples: int | None = None,
    detector: str | None = None,
    notes: Sequence[str] = (),
    engine: str = "torch",
) -> Roster:
    """The specialists in those files, on ``device``.

    A file that was found in a folder and cannot be loaded is left out, with a note; one that was named is an error. One
    whose plugin is not installed, or broken, is left out with a note in any case, unless it is the only one.

    Args:
        found: see :func:`find_models`.
        device: where to.
        people: judged in a file, in place of as many as each was trained with.
        samples: a person, likewise.
        detector: of faces, likewise.
        notes: to begin with.
        engine: ``torch`` or ``onnxruntime``.

    Raises:
        ModelError: a named file cannot be loaded, or none can.
        UnknownNameError, PluginError: the only file needs a plugin that is not installed or does not load.
        UsageError: two files hold the same specialist of the same stage.
    """
    said = list(notes)
    members: list[Member] = []
    for one in found:
        try:
            model, meta, note = _open(one.path, device, engine)
            said += [note] if note else []
            members.append(_member(one.path, model, meta, people, samples, detector))
        except (UnknownNameError, PluginError) as error:
            if one.named and len(found) == 1:
                raise
            said.append(f"left out: {error}")  # its plugin is not here, or broken: the others' are
        except DfcoreError as error:
            if one.named:
                raise
            said.append(f"left out: {error}")
    if not members:
        raise ModelError("no specialist can be loaded. " + " ".join(said))
    return Roster(tuple(_labelled(members)), tuple(said))


def refuse_run_state(path: Path) -> None:
    """Refuse the state of a run under way.

    Raises:
        CheckpointError: it says what to give in its place.
    """
    if path.name == "last.pt":
        final = next(path.parent.glob("*_final.pt"), None)
        instead = f"give {final}" if final else "finish the run (resume=True), or name a best epoch's .zip"
        raise CheckpointError(
            f"{path} is the state of a run under way, not weights to judge with: {instead}; for a finished run give "
            "its *_final.pt."
        )


def _open(path: Path, device: str, engine: str) -> tuple[Specialist, Mapping[str, Any], str]:
    """The specialist, the description of its weights, and a note where something was made on the way."""
    refuse_run_state(path)
    if engine == "torch":
        from dfcore.models.factory import load_to_judge

        return *load_to_judge(path, device=device, tried=False), ""
    from dfcore.inference.onnx.engine import open_exported

    exported, meta, note = open_exported(path)
    return cast("Specialist", exported), meta, note  # it does all that is asked of one that judges


def _member(
    path: Path,
    model: Specialist,
    meta: Mapping[str, Any],
    people: int | None,
    samples: int | None,
    detector: str | None,
) -> Member:
    data, stage = _mapping(_mapping(meta.get("config")).get("data")), meta.get("stage")
    dataset = str(_mapping(_mapping(meta.get("config")).get("stage")).get("dataset", ""))
    member = Member(
        label=model.spec.name,
        model=model,
        path=path,
        hash=str(meta["hash"]),
        stage=stage if isinstance(stage, int) else None,
        dataset=dataset,
        plan=plan_of(path, model.spec, meta, people=people, detector=detector),
        samples=samples or _number(path, "eval_samples", data),
    )
    return _warned(member, _mapping(meta.get("metrics")))


def plan_of(
    path: Path, spec: SpecialistSpec, meta: Mapping[str, Any], *, people: int | None, detector: str | None
) -> ClipPlan:
    """The clips that a specialist judges: those of its own evaluation, as its file's description says.

    Args:
        path: the file.
        spec: the installed specialist.
        meta: the description.
        people: in place of as many as it was trained with.
        detector: likewise.

    Raises:
        CheckpointError: the description says what cannot be.
    """
    data = _mapping(_mapping(meta.get("config")).get("data"))
    return ClipPlan(
        clips=_number(path, "clips_per_video", data),
        frames=max(_number(path, "clip_frames", data), spec.clip_frames),
        people=people or _number(path, "people", data),
        detector=detector or _detector(path, data.get("detector", ClipPlan().detector)),
        speech=spec.speech,
        landmarks=LANDMARKS if spec.uses_landmarks else 0,
        motion=spec.uses_motion,
    )


def _warned(member: Member, metrics: Mapping[str, Any]) -> Member:
    warnings, counted = [], True
    if member.dataset == "demo":
        warnings.append(f"{member.label} was trained on demo data: made to try dfcore with, its verdicts mean nothing.")
    if metrics.get("coverage") == 0:
        counted = False
        warnings.append(
            f"{member.label} judged nothing in its own validation, so nobody knows what its scores are worth: they are "
            "shown, and left out of the fused score."
        )
    return replace(member, warnings=tuple(warnings), counted=counted)


def _labelled(members: Sequence[Member]) -> list[Member]:
    """Each with a label of its own: the name, and the stage where that is needed."""
    names = [member.label for member in members]
    labelled = [
        member if names.count(member.label) == 1 else replace(member, label=f"{member.label}_stage{member.stage}")
        for member in members
    ]
    first: dict[str, Member] = {}
    for member in labelled:
        if member.label in first:
            raise UsageError(
                f"{first[member.label].path} and {member.path} hold the same specialist ({member.label}). Give one."
            )
        first[member.label] = member
    return labelled


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(path: Path, key: str, data: Mapping[str, Any]) -> int:
    default, most = _LIMITS[key]
    value = data.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise CheckpointError(
            f"{path}: its configuration says data.{key}={value!r}; expected a number from 1 to {most}."
        )
    return value


def _detector(path: Path, value: Any) -> str:
    """A file of weights may name an announced detector, never code to import."""
    if not isinstance(value, str) or code_named({"data.detector": value}):
        raise CheckpointError(
            f"{path} was trained with the face detector {value!r}, a dotted path: a file of weights must not name code "
            "to import. Name the detector yourself, if you trust it."
        )
    return value
