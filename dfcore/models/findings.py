"""What a specialist says in words: numbers that its plugin measures, and how each is put.

A plugin measures a few named numbers of a sample, in units of the signal. Those of genuine validation videos are kept
with the weights. Of a new video one sentence is said: the number that lies furthest from the genuine ones, if it lies
beyond what they show; else that nothing was found. So the sentence is true of the numbers by construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dfcore.errors import PluginError
from dfcore.models.protocols import Views
from dfcore.plugins.calls import plugin_code
from dfcore.specs import SpecialistSpec, resolve

__all__ = ["Finding", "Trace", "finding_of", "measured"]


@dataclass(frozen=True, slots=True)
class Trace:
    """One number that a plugin measures.

    Attributes:
        name: with the unit in it, as a report shows it: ``delay_ms``, ``mid_band_nepers``.
        high: what a value above genuine ones means, as the beginning of a sentence without its full stop: ``"the audio
            comes late"``.
        low: likewise for one below; "" where a low value is no finding.
        unit: behind the number in a sentence: ``ms``, ``nepers``; "" for a share or ratio.
        digits: behind the point.
        always: what the number is, where every sentence is to end with it: ``"the audio's delay"``; "" where not.
        unmeasured: a sentence for a video in which no sample has the number; "" where that is not worth one.
        resolution: what the measurement cannot tell apart, in its unit: a deviation is never told in smaller units.
    """

    name: str
    high: str
    low: str = ""
    unit: str = ""
    digits: int = 2
    always: str = ""
    unmeasured: str = ""
    resolution: float = 0.0


@runtime_checkable
class Finding(Protocol):
    """What a specialist's plugin measures for its sentence. Constructed with no arguments."""

    traces: tuple[Trace, ...]

    def measure(self, views: Views, cue_module: nn.Module) -> Mapping[str, Tensor]:
        """Each trace's number of each sample, by name: float ``[B]``, NaN where it cannot be measured.

        Called without gradients.

        Args:
            views: what the specialist reads, ``[B, ...]``.
            cue_module: the specialist's own, trained, in evaluation mode.
        """
        ...


class _Measurable(Protocol):
    @property
    def spec(self) -> SpecialistSpec: ...

    cue_module: nn.Module


@cache
def _made(path: str, owner: str) -> Finding:
    made = resolve(path, owner)
    with plugin_code(f"the finding of {owner}", path):
        found: Finding = made()
    return found


def finding_of(spec: SpecialistSpec) -> Finding | None:
    """What the specialist's plugin measures for its sentence; None where it announces nothing.

    Raises:
        PluginError: it cannot be imported, or not be made without arguments.
    """
    return _made(spec.finding, f"specialist {spec.name!r}") if spec.finding else None


@torch.no_grad()
def measured(model: _Measurable, views: Views) -> dict[str, NDArray[np.float64]]:
    """Each number that a model's plugin measures, of each sample of a batch: float64 ``[B]``, NaN where it cannot.

    {} where the plugin announces no finding.

    Args:
        model: a specialist.
        views: what it reads, ``[B, ...]``.

    Raises:
        PluginError: the plugin's code raised something, or left a number out.
    """
    finding = finding_of(model.spec)
    if finding is None:
        return {}
    what = f"the finding of specialist {model.spec.name!r}"
    with plugin_code(what, model.spec.finding):
        found = finding.measure(views, model.cue_module)
        numbers = {name: value.detach().double().cpu().numpy() for name, value in found.items()}
    missing = [trace.name for trace in finding.traces if trace.name not in numbers]
    if missing:
        raise PluginError(f"{what} ({model.spec.finding}) announces {missing[0]!r} and does not measure it.")
    return {trace.name: numbers[trace.name] for trace in finding.traces}
