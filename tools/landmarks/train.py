"""Step 3: the network learns the teacher's points.

    python tools/landmarks/train.py --crops DIR --out weights.safetensors                # all people
    python tools/landmarks/train.py --crops DIR --out fold.safetensors --held-out 0.25   # what it is worth on others

With ``--held-out`` that share of the people (drawn by ``--seed``) is not learnt from; the error on them is printed by
region, in units of the distance between the eyes, and how well the openings follow the teacher's.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from crops import WIDER
from measure import report
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from dfcore.data.faces.dense.align import SIDE
from dfcore.data.faces.dense.network import INPUT, LandmarkNetwork, normalised
from dfcore.data.faces.dense.points import MIRRORED, POINTS, REGIONS

BATCH = 32
RATE = 1.5e-3
_IMPORTANCE = {"inner_lips": 2.0, "outer_lips": 2.0, "contour": 0.5}


@dataclass(slots=True)
class Crops:
    """Luma uint8 ``[n, 224, 224]``, the teacher's points ``[n, 95, 2]`` in 0..1 of them, and whose they are."""

    luma: Tensor
    points: Tensor
    people: np.ndarray
    sources: np.ndarray

    def of(self, chosen: np.ndarray) -> Crops:
        """Some of them."""
        return Crops(self.luma[chosen], self.points[chosen], self.people[chosen], self.sources[chosen])


def read_crops(folder: Path) -> Crops:
    """All that have a label."""
    luma, points, people, sources = [], [], [], []
    for path in sorted(folder.glob("*.points.npz")):
        label, crops = np.load(path), np.load(path.with_suffix("").with_suffix(".npz"))
        good = label["good"]
        images = crops["images"][good].astype(np.float32)
        luma.append((images @ np.array([0.299, 0.587, 0.114], np.float32)).round().astype(np.uint8))
        points.append(label["points"][good])
        people += [str(crops["group"])] * int(good.sum())
        sources += [str(crops["source"])] * int(good.sum())
    found = torch.from_numpy(np.concatenate(luma)), torch.from_numpy(np.concatenate(points)).float()
    return Crops(*found, np.array(people), np.array(sources))


def recompressed(luma: Tensor, rng: np.random.Generator) -> Tensor:
    """Each crop after a JPEG pass of a random low quality."""
    out = np.empty_like(luma.numpy())
    for k, image in enumerate(luma.numpy()):
        held = io.BytesIO()
        Image.fromarray(image).save(held, "JPEG", quality=int(rng.integers(6, 50)))
        out[k] = np.asarray(Image.open(held))
    return torch.from_numpy(out)


# -- squares -----------------------------------------------------------------------------------------------------------


def squares(luma: Tensor, points: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Network squares ``[n, 96, 96]`` and their points, through ``matrix [n, 2, 3]``: from the square's coordinates
    (-1..1) to the crop's.
    """
    grid = affine_grid(matrix, [len(luma), 1, INPUT, INPUT], align_corners=False)
    cut = grid_sample(luma[:, None].float(), grid, align_corners=False, padding_mode="zeros")[:, 0]
    return cut, _inside(points, matrix)


def straight(count: int) -> Tensor:
    """The matrix of squares as they are in use."""
    return torch.tensor([[1 / WIDER, 0, 0], [0, 1 / WIDER, 0]]).expand(count, 2, 3)


def drawn(count: int, generator: torch.Generator) -> Tensor:
    """Matrices with turns, sizes, shifts and mirrors."""

    def spread(width: float) -> Tensor:
        return width * (2 * torch.rand(count, generator=generator) - 1)

    angle = torch.deg2rad(spread(4.0) + torch.randn(count, generator=generator) * 4)
    scale = torch.exp(spread(0.1)) / WIDER
    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    rows = torch.stack([flip * cos, -sin, spread(0.05), flip * sin, cos, spread(0.05)], 1)
    return rows.view(count, 2, 3)


def _shapes(crops: Crops, generator: torch.Generator) -> Tensor:
    """The points of each face in a drawn square, not mirrored."""
    matrix = drawn(len(crops.luma), generator)
    matrix[:, :, 0] *= torch.sign(torch.linalg.det(matrix[:, :, :2]))[:, None]
    return _inside(crops.points, matrix)


def _inside(points: Tensor, matrix: Tensor) -> Tensor:
    """Points of crops in their squares, both 0..1."""
    away = points * 2 - 1 - matrix[:, None, :, 2]
    return (torch.linalg.solve(matrix[:, None, :, :2], away[..., None])[..., 0] + 1) / 2


def batch_of(crops: Crops, worse: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A batch with all its damage: inputs ``[32, 1, 96, 96]`` and points."""
    chosen = torch.randint(len(crops.luma), (BATCH,), generator=generator)
    bad = torch.rand(BATCH, 1, 1, generator=generator) < 0.25
    luma = torch.where(bad, worse[chosen], crops.luma[chosen])
    matrix = drawn(BATCH, generator)
    cut, points = squares(luma, crops.points[chosen], matrix)
    mirrored = torch.linalg.det(matrix[:, :, :2]) < 0
    points = torch.where(mirrored[:, None, None], points[:, list(MIRRORED)], points)
    for part in range(0, BATCH, BATCH // 4):  # a quarter of the batch at a time: one reduction each
        if torch.rand(1, generator=generator) < 0.4:
            side = int(torch.randint(32, INPUT, (1,), generator=generator))
            rows = slice(part, part + BATCH // 4)
            small = interpolate(cut[rows, None], size=side, mode="bilinear", antialias=True)
            cut[rows] = interpolate(small, size=INPUT, mode="bilinear")[:, 0]
    gamma = torch.exp(0.35 * torch.randn(BATCH, 1, 1, generator=generator)).clamp(0.4, 2.5)
    cut = 255 * (cut / 255).clamp(0, 1) ** gamma
    cut = cut + torch.randn(cut.shape, generator=generator) * 5 * torch.rand(BATCH, 1, 1, generator=generator) ** 2
    return _covered(normalised(cut), generator), points


def _covered(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """An eighth of the squares with a grey rectangle over a part: hands, microphones, captions."""
    for k in range(0, BATCH, 8):
        x, y, w, h = torch.randint(8, 40, (4,), generator=generator).tolist()
        x, y = x * 2, y * 2
        inputs[k, 0, y : y + h, x : x + w] = float(torch.randn(1, generator=generator))
    return inputs


# -- learning ----------------------------------------------------------------------------------------------------------


def weights_of_points() -> Tensor:
    found = torch.ones(POINTS, 1)
    for name, weight in _IMPORTANCE.items():
        found[list(REGIONS[name])] = weight
    return found / found.mean()


def loss_of(found: Tensor, points: Tensor, weights: Tensor) -> Tensor:
    """Smooth L1 in units of the distance between the eyes, and the same of the lips' opening by itself."""
    error = torch.nn.functional.smooth_l1_loss(SIDE * found, SIDE * points, reduction="none", beta=0.02)
    lips = REGIONS["inner_lips"]
    upper, lower = [lips[k] for k in range(1, 6)], [lips[12 - k] for k in range(1, 6)]
    openings = [SIDE * (p[:, lower] - p[:, upper]) for p in (found, points)]
    return (error * weights).mean() + 2 * torch.nn.functional.smooth_l1_loss(*openings, beta=0.02)


def learn(crops: Crops, minutes: float, steps: int, seed: int, start: Path | None) -> LandmarkNetwork:
    """Train for so many steps or minutes: the rate falls with whichever is nearer its end."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    worse = recompressed(crops.luma, np.random.default_rng(seed))
    network = LandmarkNetwork()
    if start is None:
        network.learn_shapes(_shapes(crops, generator))
    else:
        network.load_state_dict({name: value.float() for name, value in load_file(start).items()})
    network = network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-3)
    weights, begun, mean = weights_of_points(), time.monotonic(), 0.0
    for step in range(steps):
        done = max(step / steps, (time.monotonic() - begun) / 60 / minutes)
        if done >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 50) * 0.5 * (1 + np.cos(np.pi * done))
        inputs, points = batch_of(crops, worse, generator)
        loss = loss_of(network(inputs.contiguous(memory_format=torch.channels_last)), points, weights)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        mean = loss.item() if step == 0 else 0.98 * mean + 0.02 * loss.item()
        if step % 50 == 0:
            print(f"step {step} {done:.2f} loss {mean:.4f}", file=sys.stderr, flush=True)
    return network.eval().to(memory_format=torch.contiguous_format)


def held_out_people(people: np.ndarray, share: float, seed: int) -> set[str]:
    names = sorted(set(people.tolist()))
    np.random.default_rng(seed).shuffle(names)
    return set(names[: round(share * len(names))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--held-out", type=float, default=0.0)
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    crops = read_crops(given.crops)
    others = held_out_people(crops.people, given.held_out, given.seed)
    test = np.array([name in others for name in crops.people])
    print(f"{len(test)} crops of {len(set(crops.people.tolist()))} people; held out: {sorted(others)}", flush=True)
    network = learn(crops.of(~test), given.minutes, given.steps, given.seed, given.start)
    state = network.state_dict()
    save_file({k: value.half() if value.is_floating_point() else value for k, value in state.items()}, given.out)
    if test.any():
        held = crops.of(test)
        cut, points = squares(held.luma, held.points, straight(len(held.luma)))
        with torch.inference_mode():
            found = torch.cat([network(normalised(part)) for part in cut.split(64)])
        print(report(found.numpy(), points.numpy(), held.people, held.sources))


if __name__ == "__main__":
    main()
