"""Who is seen: one person's shape and colours, drawn from a seed.

Lengths are in head units: half the head's width at the cheekbones. In face coordinates u runs to the right and
v down, both 0 midway between the eyes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Person"]

# sRGB 0..255, from light to dark; a person's skin is a blend of two neighbours.
_SKIN = ((240, 205, 185), (228, 186, 160), (214, 168, 137), (194, 144, 111), (164, 115, 84), (128, 86, 63))
_HAIR = ((38, 30, 28), (62, 42, 32), (92, 62, 42), (138, 98, 62), (176, 140, 92), (122, 60, 36), (128, 124, 120))
_EYES = ((72, 46, 30), (92, 64, 38), (104, 96, 58), (88, 110, 120), (98, 132, 158), (82, 112, 84))
_CLOTHES = ((44, 52, 76), (120, 40, 44), (58, 92, 74), (150, 146, 138), (36, 38, 42), (96, 74, 112), (168, 128, 74))

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Person:
    """One person. Colours are sRGB 0..255; lengths are in head units; the rest are factors about 1 or shares."""

    seed: int
    skin: Colour
    hair: Colour
    iris: Colour
    clothes: Colour
    length: float  # of the face below the eyes
    jaw: float  # width of the jaw
    forehead: float  # width above the brows
    eye_distance: float
    eye_size: float
    eye_tilt: float
    brow_weight: float
    brow_height: float
    nose_width: float
    nose_length: float
    mouth_width: float
    lip_fullness: float
    cheek: float
    hairline: float
    hair_volume: float
    long_hair: bool
    beard: float  # 0 none .. 1 dense
    age: float  # 0 smooth .. 1 lined and rough

    @classmethod
    def draw(cls, seed: int) -> Person:
        """The person of this seed."""
        rng = np.random.default_rng([seed, 0x9E1])
        step = rng.uniform(0, len(_SKIN) - 1.001)
        low, share = int(step), step % 1
        skin = tuple(a + (b - a) * share + rng.uniform(-4, 4) for a, b in zip(_SKIN[low], _SKIN[low + 1], strict=True))
        dark_hair = low >= 3
        hair = _HAIR[rng.integers(3 if dark_hair else len(_HAIR))]
        iris = _EYES[rng.integers(2 if dark_hair else len(_EYES))]
        long_hair = bool(rng.random() < 0.45)
        beard = 0.0 if long_hair or rng.random() < 0.55 else float(rng.uniform(0.25, 0.9))

        def about(spread: float) -> float:
            return float(1 + spread * np.clip(rng.standard_normal(), -1.8, 1.8))

        return cls(
            seed=seed,
            skin=(skin[0], skin[1], skin[2]),
            hair=_jitter(rng, hair, 4),
            iris=_jitter(rng, iris, 8),
            clothes=_jitter(rng, _CLOTHES[rng.integers(len(_CLOTHES))], 18),
            length=about(0.05),
            jaw=about(0.06),
            forehead=about(0.03),
            eye_distance=about(0.05),
            eye_size=about(0.08),
            eye_tilt=float(rng.uniform(-0.02, 0.10)),
            brow_weight=about(0.2),
            brow_height=about(0.1),
            nose_width=about(0.12),
            nose_length=about(0.07),
            mouth_width=about(0.09),
            lip_fullness=about(0.18),
            cheek=about(0.3),
            hairline=float(rng.uniform(-0.98, -0.78)),
            hair_volume=float(rng.uniform(0.08, 0.2)),
            long_hair=long_hair,
            beard=beard,
            age=float(rng.uniform(0, 1)),
        )


def _jitter(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    r, g, b = (float(np.clip(c + rng.uniform(-spread, spread), 12, 245)) for c in colour)
    return r, g, b
