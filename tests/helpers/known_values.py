"""Known values of a whole cue module: with given weights, on made clips, each cue's part of the map is what it was.

The tests of single operators say what each of them is; these notice any other change: of a constant, a sign, an axis or
an order that an operator's own property does not depend on. Who changes an operator on purpose writes down the values
anew; the message of the failing test has them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dfcore.data.protocols import Footage
from dfcore.inference.onnx.compared import extreme_views
from dfcore.specs import SpecialistSpec
from dfcore.testing.views import clip_footage, clip_views, made_clip

__all__ = ["Known", "check_cues", "check_pseudo_fakes"]

Known = Mapping[str, tuple[float, ...]]
DRAWS = 3
"""Sums of all values with random signs and sizes, of each part that is looked at."""


def with_known_weights(module: nn.Module) -> nn.Module:
    """The module with weights that no library's generator decides."""
    for number, (name, parameter) in enumerate(module.named_parameters()):
        drawn = np.random.default_rng(number).standard_normal(parameter.shape)
        scale = 0.1 if name.endswith("bias") else 1 / math.sqrt(max(1, parameter[0].numel() if parameter.ndim else 1))
        parameter.data = torch.as_tensor(scale * drawn, dtype=parameter.dtype)
    return module.eval()


def sums(values: Tensor | np.ndarray) -> tuple[float, ...]:
    """A few numbers that depend on every value and on its place, of about the values' own size."""
    flat = np.asarray(values, np.float64).ravel()
    draws = np.random.default_rng(flat.size).standard_normal((DRAWS, flat.size))
    return tuple(round(float(one), 5) for one in draws @ flat / math.sqrt(flat.size))


ASIDE = ((11, (30.0, 50.0, 120.0, 176.0)), (12, (70.0, 20.0, 166.0, 130.0)))
"""Seeds of two clips, and boxes of a face that is neither in the middle nor round."""
NEAR = ((13, (-60.0, -70.0, 250.0, 262.0)),)
"""A face that leaves no surround."""


def views_of(spec: SpecialistSpec, faces: Sequence[tuple[int, tuple[float, ...]]]) -> dict[str, Tensor]:
    """Made clips with the face there."""
    found = []
    for seed, (x0, y0, x1, y1) in faces:
        clip = made_clip(seed, frames=max(spec.clip_frames, spec.frames))
        count = len(clip.header.frames)
        boxes = tuple((x0 + 0.5 * k, y0 - 0.25 * k, x1 + 0.5 * k, y1 - 0.25 * k) for k in range(count))
        clip.header = replace(clip.header, boxes=boxes)
        found.append(clip_views(spec, clip))
    return {name: torch.cat([one[name] for one in found]) for name in found[0]}


def check_cues(spec: SpecialistSpec, module: nn.Module, known: Known) -> None:
    """Each cue's part of the cue map, of two made clips, of views with hardly anything in them, and of a close-up."""
    module, views = with_known_weights(module), views_of(spec, ASIDE)
    batches = {
        "": views,
        **{f" ({kind})": extreme_views(views, kind) for kind in ("constant images", "missing evidence")},
    }
    batches[" (close-up)"] = views_of(spec, NEAR)
    found: dict[str, tuple[float, ...]] = {}
    for words, batch in batches.items():
        with torch.inference_mode():
            cue_map = module(batch)
        parts = torch.split(cue_map, [cue.channels for cue in spec.cues], dim=1)
        found |= {f"{cue.name}{words}": sums(part) for cue, part in zip(spec.cues, parts, strict=True)}
    compare(found, known)


def check_pseudo_fakes(made: Callable[..., tuple[Footage, Footage]], known: Known) -> None:
    """What each of the kinds changes, in the images and in the audio; of kinds that no encoder has a part in."""
    found: dict[str, tuple[float, ...]] = {}
    for kind in known:
        control, fake = made(clip_footage(3), kind, np.random.default_rng(5))
        pairs = [(control.y, fake.y), (control.u, fake.u), (control.v, fake.v)]
        if control.audio is not None and fake.audio is not None:
            pairs.append((control.audio, fake.audio))
        found[kind] = tuple(
            value for before, after in pairs for value in sums(after.astype(np.float64) - before.astype(np.float64))[:2]
        )
    compare(found, known)


def compare(found: Known, known: Known) -> None:
    lines = "\n".join(f'    "{name}": ({", ".join(f"{one:g}" for one in values)}),' for name, values in found.items())
    assert found.keys() == known.keys(), lines
    for name, values in found.items():
        size = max(map(abs, values))
        assert values == pytest.approx(known[name], rel=3e-4, abs=1e-4 * size + 2e-5), f"{name}; all of it:\n{lines}"
