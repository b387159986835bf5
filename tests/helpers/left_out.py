"""What ``torchrun`` starts for ``test_taking_part.py``: two processes, of which one leaves a branch unused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from dfcore.models.protocols import SpecialistOutput
from dfcore.training.runtime.distributed import World


class Branches(nn.Module):
    """The second branch is used by batches with a face above 0 alone, the third by none; the fourth is frozen."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.third, self.fourth = (nn.Linear(2, 2) for _ in range(4))
        self.fourth.requires_grad_(False)

    def forward(self, views: dict[str, Tensor], labels: Tensor | None = None) -> SpecialistOutput:
        face = views["face"]
        logits = self.fourth(self.first(face))
        if float(face.max()) > 0:
            logits = logits + self.second(face)
        none = torch.zeros(())
        return SpecialistOutput(logits, logits, none, none, none)


def main() -> None:
    torch.set_num_threads(1)
    world = World.start(lambda local: torch.device("cpu"))
    model = Branches()
    network = world.wrap(model, torch.device("cpu"))
    found = []
    for step in range(4):
        model.zero_grad()
        sign = -1.0 if (step in (1, 2) and world.rank == 1) or step == 3 else 1.0
        output = network({"face": sign * (torch.arange(6.0).reshape(3, 2) + 1 + world.rank)})
        (output.logits.pow(2).sum() + output.auxiliary).backward()
        found.append({name: None if one.grad is None else one.grad.tolist() for name, one in model.named_parameters()})
    alone = []
    for step in range(4):
        parts = []
        for rank in (0, 1):
            model.zero_grad()
            sign = -1.0 if (step in (1, 2) and rank == 1) or step == 3 else 1.0
            model({"face": sign * (torch.arange(6.0).reshape(3, 2) + 1 + rank)}).logits.pow(2).sum().backward()
            parts.append([torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in model.parameters()])
        names = [name for name, _ in model.named_parameters()]
        alone.append({name: ((a + b) / 2).tolist() for name, a, b in zip(names, *parts, strict=True)})
    out = Path(sys.argv[1])
    (out / f"rank{world.rank}.json").write_text(json.dumps({"together": found, "alone": alone}))
    world.close()


if __name__ == "__main__":
    main()
