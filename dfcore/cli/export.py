"""``dfcore export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dfcore.cli.options import PATH
from dfcore.cli.output.streams import print_json
from dfcore.cli.output.text import printable

if TYPE_CHECKING:
    from dfcore.inference.onnx.export import Exported


@click.command("export")
@click.argument("weights", type=PATH, metavar="NAME|WEIGHTS")
@click.option("--onnx", type=PATH, metavar="FILE", help="The file to write.  [default: beside the weights]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(weights: Path, onnx: Path | None, as_json: bool) -> None:
    """Write a trained specialist as an ONNX file: backbone and operators, whole, checked against PyTorch.

    WEIGHTS is a *_final.pt, a best epoch's .zip or a run's folder; NAME a specialist that has a run in `runs`. The file
    reads the specialist's views by name; `dfcore predict --engine onnxruntime` runs it. Its metadata say what it reads,
    its classes, and the calibration that lies beside the weights. It takes a minute or two, and
    `pip install 'dfcore[onnx]'`.

    \b
    dfcore export cm --onnx cm.onnx
    dfcore export runs/cm_stage1/cm_stage1_final.pt --onnx cm.onnx
    """
    from dfcore.inference.onnx.export import export

    made = export(weights, onnx)
    if as_json:
        print_json(made.to_dict())
        return
    for line in _lines(made):
        click.echo(printable(line))


def _lines(made: Exported) -> list[str]:
    """What was written, for people."""
    lines = [f"{made.path}  {made.specialist}, ONNX opset {made.opset}"]
    for title, tensors in (("reads", made.inputs), ("gives", made.outputs)):
        lines += [f"  {title}  {name:<14} {shape}" for name, shape in tensors.items()]
    lines.append(f"  logits differ from PyTorch's by {made.difference:.2g} at most, on {', '.join(made.compared)}")
    lines.append("  the calibration beside the weights is in its metadata" if made.calibrated else "  not calibrated")
    return lines
