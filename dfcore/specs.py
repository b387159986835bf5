"""What plugins announce: frozen dataclasses that import nothing heavy.

An announcement says what there is and where its implementation lives, as a dotted path
``"package.module:attribute"``. The path is resolved (:func:`resolve`) only by the command that needs it, so
listing and describing cost no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Annotated, Any

from dfcore.announcement.imports import missing_attribute, own_callables, why_not_imported
from dfcore.announcement.source import announced_at
from dfcore.errors import PluginImportError

__all__ = [
    "AUGMENTATIONS",
    "LANDMARK_VIEWS",
    "MAP_SIZE",
    "VIDEO_VIEWS",
    "VIEWS",
    "ComponentSpec",
    "CueSpec",
    "DatasetSpec",
    "DottedPath",
    "EvidenceSpec",
    "RecipeSpec",
    "SpecialistSpec",
    "StageSpec",
    "resolve",
]

DottedPath = Annotated[str, "dotted path"]
"""``package.module:attribute``, of a class or function. Every field of this type is checked when plugins are."""

MAP_SIZE = 7
"""Side of the cue map and of the backbone's token map, in cells."""

VIEWS = (
    "face",
    "context",
    "face_mask",
    "tiles",
    "tile_face",
    "qp",
    "sequence",
    "sequence_mask",
    "motion",
    "mouth",
    "mouth_present",
    "log_mel",
    "audio_present",
    "landmarks",
    "tile_parts",
    "mouth_openings",
    "video_mouth_present",
    "video_log_mel",
    "video_audio_present",
    "video_mouth_openings",
)
"""Names of the views that every clip has (:mod:`dfcore.data.views`); a specialist's evidence comes beside them."""

LANDMARK_VIEWS = ("landmarks", "tile_parts", "mouth_openings", "video_mouth_openings")
"""Those of them that are made of dense landmarks; who reads one has them computed when clips are prepared."""

VIDEO_VIEWS = tuple(name for name in VIEWS if name.startswith("video_"))
"""Those of them that hold the same person's other clips of the same video too."""

AUGMENTATIONS = ("hflip", "lattice_jitter", "face_colour", "face_erase", "face_blur")
"""Names of the training augmentations (:mod:`dfcore.data.views.augment`)."""


@dataclass(frozen=True, slots=True)
class CueSpec:
    """A named group of the cue module's channels."""

    name: str
    channels: int
    summary: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceSpec:
    """Something computed from a clip once, when it is prepared, and stored beside it.

    ``extractor`` is a callable ``(clip: dfcore.data.clips.Clip) -> np.ndarray`` of float16
    ``[T, channels, H/16, W/16]``: one value per channel and 16x16 block of the clip's window. A changed
    ``version`` is extracted again; nothing else is. Read back, it is the view ``name``. An extractor may rely on
    ``clip.motion`` only where its specialist reads the view ``motion``: the vectors are kept for who does.

    ``frames`` is set by the core: the middle frames of a clip that the specialist's own plan has. Evidence is computed
    from these alone, so that a clip which is longer for another specialist's sake gives the same; 0 takes all.
    """

    name: str
    version: int
    extractor: DottedPath
    channels: int
    summary: str = ""
    frames: int = 0


@dataclass(frozen=True, slots=True)
class SpecialistSpec:
    """A whole detector for one family of traces.

    Attributes:
        name: what a user types (``cm``).
        title: what the specialist looks for.
        cues: the cue map's channel groups, in channel order.
        module: dotted path of the cue module's class, called with no arguments.
        views: names of the views that the cue module reads (``tiles``, ...); ``face`` is always read,
            by the backbone.
        evidence: what has to be extracted when clips are prepared.
        frames: frames per sample; more than 1 means consecutive frames.
        clip_frames: consecutive frames that a stored clip needs at least.
        augmentations: names of the training augmentations that leave the cue intact.
        abstain_reason: dotted path of ``(dfcore.data.clips.ClipAccess) -> str | None``, why it abstains, or None.
        pseudo_fake: dotted path of a class with the protocol :class:`dfcore.data.protocols.PseudoFake`.
        finding: dotted path of a class with the protocol :class:`dfcore.models.findings.Finding`: what an explanation
            says in words of what the cue module measured; "" says nothing.
        speech: seconds of mouth images and audio that a stored clip needs about its middle; 0 for none.
        emulation: whether it may be trained on videos that were re-scaled and re-encoded as a platform does
            (``data.emulate``); False where the coding or scaling history is itself the cue.
        spatial_map: whether the cue map's cells lie over the window, as its tiles or 49ths do; False where its axes are
            others (time, delay). What asks *where* (the background control, a heat map) needs one that does.
        summary: one sentence for ``dfcore describe``.
        references: papers.
    """

    name: str
    title: str
    cues: tuple[CueSpec, ...]
    module: DottedPath = ""
    views: tuple[str, ...] = ()
    evidence: tuple[EvidenceSpec, ...] = ()
    frames: int = 1
    clip_frames: int = 8
    augmentations: tuple[str, ...] = ()
    abstain_reason: DottedPath = ""
    pseudo_fake: DottedPath = ""
    finding: DottedPath = ""
    speech: float = 0.0
    spatial_map: bool = True
    emulation: bool = False
    summary: str = ""
    references: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """Channels of the cue map."""
        return sum(cue.channels for cue in self.cues)

    @property
    def features(self) -> int:
        """Length of the flattened cue map."""
        return self.channels * MAP_SIZE * MAP_SIZE

    @property
    def uses_audio(self) -> bool:
        """Whether it reads the audio: then a video is fake to it if its audio is, else the images alone decide."""
        return self.speech > 0

    @property
    def uses_landmarks(self) -> bool:
        """Whether it reads a view that is made of dense landmarks."""
        return any(name in LANDMARK_VIEWS for name in self.views)

    @property
    def uses_motion(self) -> bool:
        """Whether it reads the codec's motion vectors, which are kept for who does."""
        return "motion" in self.views

    @property
    def trainable(self) -> bool:
        """Whether the plugin ships a cue module, or announces itself only."""
        return bool(self.module)


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """A named, replaceable part: a backbone, attention head, classifier, loss, face detector or callback.

    ``factory`` is a dotted path; what it is called with is said by the protocol of its kind.
    """

    name: str
    factory: DottedPath
    summary: str = ""


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """A dataset and the adapter that reads its official layout.

    ``adapter`` is a dotted path of a class with the protocol :class:`dfcore.data.protocols.Dataset`, called with no
    arguments; a dataset that is registered in code (:func:`dfcore.register_dataset`) gives a callable instead.
    ``generated`` marks data that dfcore makes itself; ``name`` then serves in place of a path.
    ``defaults`` are configuration values (``{"data.samples_per_video": 2}``) that suit the dataset and give
    way to anything the user sets; ``reason`` says why they suit it, and is printed with them.
    ``kaggle`` is where its owners give it out on Kaggle, ``OWNER/NAME`` or ``competitions/NAME``; "" where they do not.
    """

    name: str
    title: str
    adapter: DottedPath | Callable[[], Any]
    summary: str = ""
    url: str = ""
    generated: bool = False
    defaults: dict[str, Any] = field(default_factory=dict)
    kaggle: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One stage of the curriculum.

    ``chunks`` is the order in which the parts of a large dataset are taken, ``epochs`` each; () takes it whole.
    ``pretraining`` marks one that trains on real footage alone, against the specialist's own pseudo-fakes, and that the
    curriculum does without.
    """

    number: int
    title: str
    dataset: str
    lr: float
    epochs: int
    loss: str
    after: int | None = None
    summary: str = ""
    pretraining: bool = False
    chunks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RecipeSpec:
    """Named values of the configuration, for every stage (``dfcore train --recipe NAME``).

    ``values`` (``{"stage.lr": 8e-5}``) win over what stage and dataset announce, and give way to all that a user sets.
    ``reason`` says what they are for, and is printed with them; ``references`` are papers.
    """

    name: str
    title: str
    values: dict[str, Any]
    summary: str = ""
    references: tuple[str, ...] = ()


def resolve(path: str | Callable[..., Any], owner: str = "") -> Any:
    """Import the class or function that a dotted path ``package.module:attribute`` names; what is no path is given
    back as it is.

    Raises:
        PluginImportError: the path is malformed, its import fails, or it names something else; the message names
            ``owner``, the line that announces the path, and the one at fault.
    """
    if not isinstance(path, str):
        return path
    module, _, attribute = path.partition(":")
    if not module or not attribute:
        raise _unresolved(path, owner, "it is not of the form 'package.module:attribute'.")
    try:
        found: Any = import_module(module)
    except (Exception, SystemExit) as error:
        raise _unresolved(path, owner, why_not_imported(module, error)) from error
    inside = found
    for part in attribute.split("."):
        inside, found = found, getattr(found, part, None)
        if found is None:
            hint = missing_attribute(inside, part) or " Write the name that is there."
            raise _unresolved(path, owner, f"{getattr(inside, '__file__', module)} has no {part!r}.{hint}")
    if not callable(found):
        there = ", ".join(own_callables(import_module(module))) or "none"
        why = f"it is {found!r:.60}, not a class or function. Name one; {module} defines {there}."
        raise _unresolved(path, owner, why)
    return found


def _unresolved(path: str, owner: str, why: str) -> PluginImportError:
    place = announced_at(path)
    by = ", ".join(part for part in (owner, f"announced in {place}" if place else "") if part)
    return PluginImportError(f"{path!r}{f' ({by})' if by else ''} cannot be used: {why}")
