"""The forgery: another person's face, rendered afresh, pasted over the face of a decoded video."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dfcore.testing.demo.people.head import Head, HeadImage
from dfcore.testing.demo.people.person import Person
from dfcore.testing.demo.scene import Take
from dfcore.testing.demo.texture import Array, planes

__all__ = ["Swap"]

_TONE_MATCH = 0.9
"""Share of the way that the source's skin is brought to the target's; a perfect match is rare in real swaps too."""


class Swap:
    """``source``'s face in the video of ``target``: target's pose, light, lens and skin tone, source's features."""

    def __init__(self, target: Take, source: Person) -> None:
        skin = tuple(a + (b - a) * _TONE_MATCH for a, b in zip(source.skin, target.person.skin, strict=True))
        self.target = target
        self.head = Head(replace(source, skin=(skin[0], skin[1], skin[2])), target.scale)
        own, other = (self._mean_colour(head) for head in (target.head, self.head))
        self.gain = 1 + _TONE_MATCH * (own / other - 1)

    def _see(self, head: Head, index: int) -> HeadImage:
        take = self.target
        return head.render(take.light, take.moments[index].pose, take.size, take.size)

    def paste(self, frame: NDArray[np.uint8], index: int) -> Array:
        """Replace the face in ``frame``, the decoded frame ``index`` of the target [size, size, 3], in place.

        Returns the weight [size, size] with which each pixel was replaced.
        """
        image, take = self._see(self.head, index), self.target
        rng = np.random.default_rng([take.seed, self.head.anatomy.person.seed, index])
        face = take.camera.expose(image.colour * planes(self.gain), take.falloff[image.part], rng)
        under = frame[image.part].astype(np.float32)
        inner = self.head.inner_face(image)
        under += (face - under) * inner[..., None]
        frame[image.part] = np.round(under)
        weight = np.zeros((take.size, take.size), np.float32)
        weight[image.part] = inner
        return weight

    def _mean_colour(self, head: Head) -> Array:
        image = self._see(head, 0)
        return image.colour[:, head.inner_face(image) > 0.8].mean(axis=1)
