"""Key frames with the maps that can be laid over them, in as many bytes as a page may have."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from dfcore.errors import DataError
from dfcore.inference.explanation import LEAST_EFFECT, KeyFrame, PersonExplanation
from dfcore.inference.report.about import ModelFacts
from dfcore.inference.report.drawing import Grid, grid
from dfcore.inference.report.words import signed

__all__ = ["BUDGET", "FrameView", "Layer", "layers_of", "view_frames"]

BUDGET = 2_000_000
"""Characters of all images of a page: a page of one video stays below 3 MB."""
_SMALLER = ((640, 82), (480, 78), (360, 74), (240, 70), (160, 60), (96, 50))
"""Longest side in pixels and JPEG quality, tried in this order where the images as given are too large."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A map that can be laid over the frames.

    Attributes:
        number: of the layer among the person's.
        title: what it is, with its specialist's title.
        on: ``face_view`` or ``window``: the box of a frame that its cells lie over.
        drawn: the cells.
        kind: ``effect`` or ``attention``.
        effect: how much the margin falls without its outlined cells; 0 for attention.
        legend: how its cells are read.
    """

    number: int
    title: str
    on: str
    drawn: Grid
    kind: str
    effect: float
    legend: str


@dataclass(frozen=True, slots=True)
class FrameView:
    """A key frame as the page shows it.

    Attributes:
        frame: the key frame.
        source: the image as a ``data:`` address.
        reduced: whether it was made smaller to fit into the page.
    """

    frame: KeyFrame
    source: str
    reduced: bool

    @property
    def boxes(self) -> dict[str, tuple[float, float, float, float]]:
        """Left, top, width and height of the boxes that layers lie over, in pixels of the frame's ``size``."""
        view = self.frame.face_view if any(self.frame.face_view) else self.frame.face
        found = {"face": self.frame.face, "face_view": view, "window": self.frame.window}
        return {name: (x0, y0, x1 - x0, y1 - y0) for name, (x0, y0, x1, y1) in found.items()}


def layers_of(person: PersonExplanation, models: Sequence[ModelFacts]) -> list[Layer]:
    """The maps of all specialists that have places in the image, in order.

    The cue map of a specialist whose axes are others (time, delay) has none.
    """
    spatial = {model.label: model.spatial for model in models}
    layers: list[Layer] = []
    for label, explained in person.specialists.items():
        for region in explained.regions:
            on_face = region.on == "face"
            if on_face or spatial.get(label, True):
                drawn = grid(region.effects, region.cells, LEAST_EFFECT)
                where = "what the network sees of the face" if on_face else "the cue map"
                legend = (
                    f"Each cell: how much the log-odds of “fake” fall when it is hidden; a full one by "
                    f"{drawn.largest:.2f}."
                )
                if region.cells:
                    legend += (
                        f" Outlined: the cells that were hidden together (effect {signed(region.effect)}; as many at "
                        f"random {signed(region.random_effect)})."
                    )
                box = "face_view" if on_face else "window"
                layers.append(Layer(len(layers), f"{label}: {where}", box, drawn, "effect", region.effect, legend))
        if explained.attention is not None:
            legend = "Where on the cue map the network looked. It is not a reason for the score."
            drawn = grid(explained.attention)
            layers.append(Layer(len(layers), f"{label}: attention", "window", drawn, "attention", 0.0, legend))
    return layers


def view_frames(
    people: Sequence[PersonExplanation], budget: int = BUDGET
) -> tuple[Mapping[int, tuple[FrameView, ...]], int]:
    """The frames of all people, by person's number, and how many had to be left out.

    Images that together exceed the budget are made smaller step by step; what is then still too much is left out.
    """
    frames = [(person.person, frame) for person in people for frame in person.frames]
    images = [frame.image for _, frame in frames]
    reduced = False
    for side, quality in _SMALLER:
        if _characters(images) <= budget:
            break
        images, reduced = [_smaller(frame.image, side, quality) for _, frame in frames], True
    shown: dict[int, list[FrameView]] = {person.person: [] for person in people}
    used = left_out = 0
    for (number, frame), image in zip(frames, images, strict=True):
        used += _characters([image])
        if used > budget:
            left_out += 1
        else:
            shown[number].append(FrameView(frame, f"data:{_kind(image)};base64,{b64encode(image).decode()}", reduced))
    return {number: tuple(found) for number, found in shown.items()}, left_out


def _characters(images: Sequence[bytes]) -> int:
    return sum(4 * -(-len(image) // 3) for image in images)


def _kind(image: bytes) -> str:
    return "image/png" if image.startswith(b"\x89PNG") else "image/jpeg"


def _smaller(image: bytes, side: int, quality: int) -> bytes:
    try:
        with Image.open(io.BytesIO(image)) as opened:
            small = opened.convert("RGB")
    except OSError as error:
        raise DataError(f"a key frame is no image that can be read ({error}). Give a JPEG or PNG.") from error
    small.thumbnail((side, side))
    written = io.BytesIO()
    small.save(written, "JPEG", quality=quality)
    return written.getvalue()
