"""A video record: one labelled source file, before decoding."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "FAKE",
    "LABEL_NAMES",
    "REAL",
    "SPLITS",
    "Forgery",
    "Scan",
    "VideoRecord",
    "control_of",
    "emulated_id",
    "emulation_of",
    "pseudo_fake_id",
    "pseudo_fake_of",
]

REAL, FAKE = 0, 1
LABEL_NAMES = ("real", "fake")
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Forgery:
    """How a video is made of another before it is prepared (:mod:`dfcore.data.prepare.pseudo_fakes`).

    Attributes:
        pseudo_fake: dotted path of a class with the protocol :class:`dfcore.data.protocols.PseudoFake`.
        kind: one of its kinds.
        fake: the damaged half of the pair, or its control.
        seed: of all random numbers; the same for both halves.
        crf: x264's rate factor of the last encode; the same for both halves.
        voice: a video of another person, where a swapped voice may be taken from.
    """

    pseudo_fake: str
    kind: str
    fake: bool
    seed: int
    crf: float
    voice: Path | None = None


@dataclass(frozen=True, slots=True)
class VideoRecord:
    """One labelled source file.

    Attributes:
        id: unique in its dataset, stable between machines: the path below the root without its suffix,
            with forward slashes.
        path: where the file lies.
        label: ``REAL`` (0) or ``FAKE`` (1): what a detector is to say. As scanned, that of the images;
            :func:`dfcore.data.labels.labelled_for` makes it "any part is fake" for a detector that uses the audio.
        manipulation: the method's name, or ``"original"``.
        split: ``train``, ``val``, ``test``, or "" while undecided (the core then splits by ``group``).
        group: identities (or source videos) seen in the file. Two records that share one must never be in
            different splits.
        compression: the dataset's own name of the quality (``c23``), or "".
        original: id of the record that this one was made from, or "".
        part: the folder of a dataset given out in parts that the file came in, below the root; or "".
        chunk: what is prepared and trained on together (:mod:`dfcore.data.datasets.chunks`); None where all is.
        mask: the manipulation mask's video, where the dataset has one.
        forgery: how the video is made of the file at ``path``; None when it is that file.
        audio_label: ``REAL`` or ``FAKE`` (cloned, dubbed, shifted); None where that is not known, or there is no audio.
        visual_label: the label of the images alone, where ``label`` is another.
        original_path: the original's file, where it is there: the difference from it tells whose face was forged
            (:mod:`dfcore.data.forged.faces`).
        either_forged: the dataset says "fake" where images *or* audio were forged, and not which: so the fake is
            compared with its original, which tells whether its audio alone was (:mod:`dfcore.data.prepare.comparison`).
        clips: which of its stored clips are meant, by their numbers in the store; None means all. A fake that shows
            several people has those of whose face was forged (:mod:`dfcore.data.forged.people`).
        emulation: the platform whose re-scaling and re-encoding the file goes through before it is prepared
            (:mod:`dfcore.data.emulation`); "" for the file as it is.
        stored: the id under which the clip store has its clips, where that is another.
    """

    id: str
    path: Path
    label: int
    manipulation: str = "original"
    split: str = ""
    group: tuple[str, ...] = ()
    compression: str = ""
    original: str = ""
    mask: Path | None = None
    forgery: Forgery | None = None
    part: str = ""
    chunk: int | None = None
    audio_label: int | None = None
    visual_label: int | None = None
    original_path: Path | None = None
    either_forged: bool = False
    clips: tuple[int, ...] | None = None
    stored: str = ""
    emulation: str = ""

    @property
    def store_id(self) -> str:
        """The id under which the clip store has its clips."""
        return self.stored or self.id

    def clips_of(self, count: int) -> Sequence[int]:
        """Which of the ``count`` clips that the store has are meant."""
        return range(count) if self.clips is None else self.clips

    @property
    def video_label(self) -> int:
        """The label of the images alone."""
        return self.label if self.visual_label is None else self.visual_label


@dataclass(frozen=True, slots=True)
class Scan:
    """What an adapter found under a root.

    ``missing`` counts what the full dataset has and this copy has not, by part
    (``{"manipulated_sequences/FaceSwap/c23": 1000}``); ``notes`` are sentences worth logging; ``shared_splits``
    are the pairs of splits whose people the owners' own lists let overlap (Celeb-DF's test list goes by video).
    """

    dataset: str
    root: Path
    records: tuple[VideoRecord, ...]
    missing: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    shared_splits: tuple[tuple[str, str], ...] = ()


_EMULATED = "~as-"


def emulated_id(video: str, platform: str) -> str:
    """The id of a video as it comes from a platform."""
    return f"{video}{_EMULATED}{platform}"


def emulation_of(video: str) -> str:
    """The platform that a video id names; "" for a video as it was found."""
    return video.rpartition(_EMULATED)[2] if _EMULATED in video else ""


def control_of(video: str) -> str:
    """The id of the control of the pseudo-fake with that id."""
    return f"{video.removesuffix('-fake')}-control"


_PAIR = re.compile(r"~(?P<specialist>.+)-[0-9a-f]{16}-(?:fake|control)")


def pseudo_fake_id(video: str, specialist: str, seed: int, half: str) -> str:
    """The id of one half (``fake`` or ``control``) of a pair made of a video for a specialist."""
    return f"{video}~{specialist}-{seed:016x}-{half}"


def pseudo_fake_of(video: str) -> str | None:
    """The specialist whose pseudo-fake, or the control of one, a video id names; None for a video as it was found."""
    found = _PAIR.fullmatch(video, video.rfind("~")) if "~" in video else None
    return found["specialist"] if found else None
