"""``dfcore describe``."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from dfcore.cli.text import table

if TYPE_CHECKING:
    from dfcore.specs import SpecialistSpec

EFFICIENTNET_B4_FEATURES = 1792
"""The default backbone's; asking timm would import torch."""


@click.command("describe")
@click.argument("specialist")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(specialist: str, as_json: bool) -> None:
    """Say what a SPECIALIST looks at, and with what. Imports its announcement only, no torch."""
    from dfcore.plugins import registry

    spec = registry().specialist(specialist)
    entry = next(entry for entry in registry().entries if entry.name == specialist)
    content: dict[str, Any] = {
        **dataclasses.asdict(spec),
        "channels": spec.channels,
        "features": spec.features,
        "fused_features": EFFICIENTNET_B4_FEATURES + spec.features,
        "trainable": spec.trainable,
        "uses_audio": spec.uses_audio,
        "distribution": entry.distribution,
        "version": entry.version,
    }
    click.echo(json.dumps(content, indent=2) if as_json else _text(spec, content))


def _text(spec: SpecialistSpec, content: dict[str, Any]) -> str:
    first, rows = 0, []
    for cue in spec.cues:
        rows.append((cue.name, cue.channels, f"{first}-{first + cue.channels - 1}", cue.summary))
        first += cue.channels
    lines = [
        f"{spec.name}: {spec.title} ({content['distribution']} {content['version']})",
        *([spec.summary] if spec.summary else []),
        "",
        table(("cue", "channels", "range", "what it is"), rows),
        "",
        f"channels      {spec.channels}",
        f"features      {spec.features}  ({spec.channels} x 7 x 7)",
        f"fused         {content['fused_features']}  (with efficientnet_b4's {EFFICIENTNET_B4_FEATURES})",
        f"views         {', '.join(('face', *spec.views))}",
        f"label of      {'images and audio: fake if either is' if spec.uses_audio else 'images'}",
        f"frames        {spec.frames} a sample, clips of at least {spec.clip_frames}",
        f"evidence      {', '.join(f'{e.name} v{e.version}' for e in spec.evidence) or 'none'}",
        f"augmentations {', '.join(spec.augmentations) or 'none'}",
        *(f"reference     {reference}" for reference in spec.references),
    ]
    if not spec.trainable:
        lines.append("\nThis release announces the specialist only; its cue module is not in it yet.")
    return "\n".join(lines)
