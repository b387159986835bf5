"""What the data layer's replaceable parts must do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dfcore.data.clips import Clip
from dfcore.data.datasets.listing import Listing
from dfcore.data.records import Scan
from dfcore.specs import SpecialistSpec

__all__ = [
    "Dataset",
    "EvidenceExtractor",
    "Face",
    "FaceDetector",
    "Footage",
    "LocatesLandmarks",
    "PseudoFake",
    "ReadsViews",
    "Recognises",
]


@runtime_checkable
class Dataset(Protocol):
    """A dataset adapter. It only scans: no decoding, no splitting of its own beyond the official lists."""

    def scan(self, root: Path) -> Scan:
        """List the labelled files under ``root``, in a stable order.

        Whatever is there is used; what is missing is counted.

        Raises:
            DatasetError: ``root`` does not exist, or holds nothing of this dataset.
        """
        ...


@runtime_checkable
class Recognises(Protocol):
    """What an adapter may do besides: say whether a folder is its dataset's, so that it is found unnamed."""

    def recognises(self, folder: Path, listing: Listing) -> bool:
        """Whether ``folder`` is what :meth:`Dataset.scan` takes for its root, as far as the names tell.

        Asked about every folder on the way: it must be cheap, write nothing, and be sure rather than generous. At most
        the first bytes of a list may be read.

        Args:
            folder: one that exists.
            listing: the names in it.
        """
        ...


class ReadsViews(Protocol):
    """What samples are made for: a :class:`dfcore.models.specialist.Specialist`, or a model of your own."""

    @property
    def spec(self) -> SpecialistSpec:
        """The specialist's announcement: frames, evidence, augmentations."""
        ...

    @property
    def view_names(self) -> tuple[str, ...]:
        """The views that it reads."""
        ...

    @property
    def image_size(self) -> int:
        """Side S of the face view in pixels."""
        ...


@dataclass(frozen=True, slots=True)
class Face:
    """One detected face, in pixels of the image given: box ``(x0, y0, x1, y1)``, score in 0..1, five points."""

    box: tuple[float, float, float, float]
    score: float
    landmarks: tuple[tuple[float, float], ...]


@runtime_checkable
class FaceDetector(Protocol):
    """Finds faces in one upright image. Called with no arguments to construct, cheap to pickle by name.

    What it finds must depend on the image alone: frames are given once or again, not each and not always in order, and
    the part of one about a face that was seen a moment before in place of the whole (:mod:`dfcore.data.faces.close`).
    """

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        """Faces in ``image``, RGB uint8 ``[H, W, 3]`` of any size, most certain first; [] when there is none."""
        ...


@runtime_checkable
class LocatesLandmarks(Protocol):
    """What a face detector may do besides: give dense landmarks of its own, in place of dfcore's network."""

    def locate(self, images: Sequence[NDArray[np.uint8]], five: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """The points of one face in each of n images, float ``[n, 95, 2]``, all finite, in the image's pixels and in
        the order of :data:`dfcore.data.faces.dense.REGIONS`.

        Args:
            images: n upright luma images uint8 ``[H, W]``, of any size.
            five: this detector's five points of the face in each, ``[n, 5, 2]``.
        """
        ...


@runtime_checkable
class EvidenceExtractor(Protocol):
    """Computes from a clip what is too dear, or needs a codec, to be computed at each read."""

    def __call__(self, clip: Clip) -> NDArray[np.float16]:
        """``[T, C, H/16, W/16]``, a value per channel and 16x16 block."""
        ...


@dataclass(frozen=True, slots=True)
class Footage:
    """Consecutive frames at full native size with one person's face in them, as a pseudo-fake transform gets them.

    Attributes:
        y: uint8 ``[T, H, W]``, H and W even.
        u, v: uint8 ``[T, H/2, W/2]``.
        boxes: float ``[T, 4]``, the face in luma pixels.
        landmarks: float ``[T, 5, 2]``, ordered as in :mod:`dfcore.data.clips`.
        fps: frames a second; frame t is shown at ``t / fps``.
        audio: int16 ``[n]``, 16 kHz mono, or None. It covers the frames' span and ``lead`` seconds more at both ends,
            silence where the file has none: sample 0 is heard at ``-lead``.
        lead: see ``audio``.
        other_audio: another person's audio of the same length, or None: what a swapped voice is taken from.
    """

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    fps: float
    audio: NDArray[np.int16] | None = None
    lead: float = 0.0
    other_audio: NDArray[np.int16] | None = None

    def pick(self, frames: slice | Sequence[int] | NDArray[np.intp]) -> Footage:
        """The footage with those frames, in that order; the audio is left as it is."""
        return replace(
            self,
            y=self.y[frames],
            u=self.u[frames],
            v=self.v[frames],
            boxes=self.boxes[frames],
            landmarks=self.landmarks[frames],
        )


@runtime_checkable
class PseudoFake(Protocol):
    """Damages real footage in exactly the respect that its specialist looks at. Constructed with no arguments.

    It may have ``shares``, weights by kind, for how often each is made (:mod:`dfcore.data.composite.kinds`).
    """

    kinds: tuple[str, ...]

    def __call__(self, footage: Footage, kind: str | None, rng: np.random.Generator) -> tuple[Footage, Footage]:
        """A pair ``(control, fake)`` of the same size, alike in everything but the damage; the given one is left as
        it was. The control is the footage itself where the damage needs no passes that the control must share.

        Args:
            footage: real frames.
            kind: one of :attr:`kinds`, or None to draw one.
            rng: where all random numbers come from.

        Raises:
            UnknownNameError: there is no such kind.
            MediaError: this footage cannot be damaged so (a shifted voice without a voice); the message says why.
        """
        ...
