"""``dfcore describe``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dfcore.cli.output.streams import print_json
from dfcore.cli.output.text import table

if TYPE_CHECKING:
    from dfcore.api.specialists import ModelInfo, SpecialistInfo


@click.command("describe")
@click.argument("specialist")
@click.option("--backbone", default="", metavar="NAME", help="Also build the model with this one, and tell its sizes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(specialist: str, backbone: str, as_json: bool) -> None:
    """Say what a SPECIALIST looks at, and with what. Without --backbone it imports its announcement only, no torch."""
    from dfcore.api.specialists import describe

    found = describe(specialist, backbone=backbone)
    print_json(found.to_dict()) if as_json else click.echo(_text(found))


def _model_lines(model: ModelInfo) -> list[str]:
    counts = model.parameters
    resized = "" if model.image_size == model.input_size else f", resized to {model.input_size} px on the device"
    own = "" if model.grid is None else f", of its own {model.grid[0]}x{model.grid[1]} cells"
    lines = [
        f"backbone      {model.backbone_features} features{own}",
        f"face          {model.image_size} px{resized}",
        f"parameters    {counts['total']:,}, {counts['backbone']:,} in the backbone; model.tune trains "
        + ", ".join(f"{tune} {counts[f'trained_{tune}']:,}" for tune in ("all", "norms", "head")),
    ]
    if model.mean and model.std:
        mean, std = (", ".join(f"{value:g}" for value in values) for values in (model.mean, model.std))
        lines.insert(2, f"normalised    mean {mean}; deviation {std}")
    return lines


def _text(found: SpecialistInfo) -> str:
    spec = found.spec
    first, rows = 0, []
    for cue in spec.cues:
        rows.append((cue.name, cue.channels, f"{first}-{first + cue.channels - 1}", cue.summary))
        first += cue.channels
    lines = [
        f"{spec.name}: {spec.title} ({found.distribution} {found.version})",
        *([spec.summary] if spec.summary else []),
        "",
        table(("cue", "channels", "range", "what it is"), rows),
        "",
        f"channels      {spec.channels}",
        f"features      {spec.features}  ({spec.channels} x 7 x 7)",
        f"fused         {found.fused_features}  (with {found.model.backbone if found.model else 'efficientnet_b4'})",
        *(_model_lines(found.model) if found.model else ()),
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
