"""Running a cue module: what it raises, or gives, is told as its plugin's fault, with the line and what to write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dfcore.announcement.source import announced_at, place_of
from dfcore.errors import DfcoreError, PluginError, nearest
from dfcore.plugins.calls import plugin_code, plugin_error
from dfcore.specs import MAP_SIZE, VIEWS, SpecialistSpec

__all__ = ["not_finite_cues", "require_cue_map", "run_cue_module"]


def run_cue_module(spec: SpecialistSpec, module: nn.Module, views: Mapping[str, Tensor]) -> Any:
    """What a cue module gives for a batch of views.

    Raises:
        PluginError: it raised something; the message names the specialist, and the view where that is not announced.
    """
    with plugin_code(_titled(spec), spec.module):
        try:
            return module(views)
        except DfcoreError:
            raise
        except KeyError as error:
            raise plugin_error(_titled(spec), spec.module, error, _not_announced(spec, error)) from error


def require_cue_map(spec: SpecialistSpec, module: nn.Module, cue_map: Any, batch: int) -> None:
    """Check that a cue module gave one float32 map ``[batch, C, 7, 7]``; its values are not looked at.

    Raises:
        PluginError: it gave anything else.
    """
    at = f"{_titled(spec)}, {spec.module} ({place_of(type(module).forward)}),"
    if not isinstance(cue_map, Tensor):
        raise PluginError(f"{at} gave a {type(cue_map).__name__}. Return one tensor [B, {spec.channels}, 7, 7].")
    expected = (batch, spec.channels, MAP_SIZE, MAP_SIZE)
    if cue_map.shape != expected:
        cues = ", ".join(f"{cue.name} {cue.channels}" for cue in spec.cues)
        raise PluginError(
            f"{at} gave {list(cue_map.shape)}, expected {list(expected)}: one map per sample, its channels those of "
            f"the announced cues in their order ({cues})."
        )
    if cue_map.dtype != torch.float32:
        raise PluginError(
            f"{at} gave {str(cue_map.dtype).removeprefix('torch.')}, expected float32. Write `.float()` behind what it "
            "returns, and see which constant or array made it so."
        )


def not_finite_cues(spec: SpecialistSpec, faults: Tensor) -> str:
    """The cues whose channels have values that are not finite numbers: ``"the cue level (3 values)"``; "" for none.

    Args:
        spec: the specialist.
        faults: how many such values each channel has, ``[C]``.
    """
    found, first = [], 0
    for cue in spec.cues:
        count = int(faults[first : first + cue.channels].sum())
        found += [f"{cue.name} ({count:,} {'value' if count == 1 else 'values'})"] if count else []
        first += cue.channels
    return f"the {'cue' if len(found) == 1 else 'cues'} {', '.join(found)}" if found else ""


def _titled(spec: SpecialistSpec) -> str:
    return f"the cue module of specialist {spec.name!r}"


def _not_announced(spec: SpecialistSpec, error: KeyError) -> str:
    """What to write where a module asked for a view that is not announced; "" where the key is no view."""
    asked = str(error.args[0]) if error.args else ""
    evidence = [one.name for one in spec.evidence]
    known = (*VIEWS, *evidence)
    name = next((name for name in known if asked == name or f"{name!r}" in asked), None)
    if name is None:
        close = nearest(asked, known) if asked.isidentifier() else None
        return f"Did you mean the view {close!r}?" if close else ""
    if name in (*spec.views, *evidence, "face"):
        return ""
    place = announced_at(spec.module, "views=")
    views = ", ".join(f"{view!r}" for view in (*spec.views, name)) + ("," if not spec.views else "")
    return (
        f"It reads the view {name!r}, which the specialist does not announce: write views=({views}) in "
        f"{place or 'its announcement'}."
    )
