"""What a batch costs a specialist in PyTorch and, exported, in ONNX Runtime, as `dfcore predict` runs them on a CPU;
and in PyTorch with the backbone's batch norms apart from its convolutions.

    OMP_NUM_THREADS=1 python benchmarks/engines.py cm tm [--backbone efficientnet_b4] [--batch 8] [--rounds 7]

Each starts at random; its file of weights is written, exported as `dfcore.export` does, and loaded in these ways.
All judge the same views in turn, after one batch each that is not counted; medians of processor seconds are
compared (`--clock wall` for seconds of the clock), the least of each in brackets. `--keep DIR` keeps the files, and
takes those that are there; `--no-export` leaves ONNX Runtime out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from statistics import median

import torch

import dfcore
from dfcore.inference.onnx.engine import open_exported
from dfcore.models.factory import create, load_to_judge
from dfcore.models.protocols import SpecialistOutput, Views
from dfcore.testing.views import made_views
from dfcore.training.runtime.memory import keep_freed_memory

CLOCKS = {"cpu": time.process_time, "wall": time.perf_counter}


def compare(name: str, folder: Path, options: argparse.Namespace) -> str:
    """The line of one specialist."""
    weights = folder / f"{name}_{options.backbone.replace('/', '_')}.pt"
    if not weights.exists():
        create(name, backbone=options.backbone, pretrained=False, seed=0).save(weights)
    clock: Callable[[], float] = CLOCKS[options.clock]
    model = load_to_judge(weights)[0]
    judges: dict[str, Callable[[Views], SpecialistOutput]] = {"PyTorch": model}
    judges["norms apart"] = load_to_judge(weights, fold=False)[0]
    said = ""
    if options.export:
        began = clock()
        exported, _, note = open_exported(weights)
        judges["ONNX Runtime"] = exported
        said = f"  (exported in {clock() - began:.0f} s)" if "now" in note else "  (exported before)"
    views = made_views(model.spec, options.batch, image_size=model.image_size)
    spent: dict[str, list[float]] = {which: [] for which in judges}
    with torch.inference_mode():
        logits = {which: judge(views).logits for which, judge in judges.items()}
        for _ in range(options.rounds):
            for which, judge in judges.items():
                began = clock()
                judge(views)
                spent[which].append(clock() - began)
    ours = median(spent["PyTorch"])
    cells = [f"{name}  {options.backbone}  batch {options.batch}  PyTorch {ours:.3f} ({min(spent['PyTorch']):.3f}) s"]
    for which in list(judges)[1:]:
        theirs, off = median(spent[which]), (logits[which] - logits["PyTorch"]).abs().max()
        cells.append(
            f"{which} {theirs:.3f} ({min(spent[which]):.3f}) s, PyTorch / that {ours / theirs:.2f}, logits differ by "
            f"{off:.1g}"
        )
    return "  ".join(cells) + said


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specialists", nargs="+")
    parser.add_argument("--backbone", default="efficientnet_b4")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="cpu")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--export", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    keep_freed_memory()  # as the command does
    print(f"dfcore {dfcore.__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
    with nullcontext(str(options.keep)) if options.keep else tempfile.TemporaryDirectory() as folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name in options.specialists:
            print(compare(name, Path(folder), options), flush=True)


if __name__ == "__main__":
    main()
