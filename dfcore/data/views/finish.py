"""The last steps of the views that a device makes faster than a loader, for a whole batch at once.

A loader may leave views unfinished (``build_views(..., finish=False)``): the batch then has their parts, under the
view's name and a part's, and :func:`finish_views` makes the views of them where the batch is. Both ways give the
same bits on a CPU, and any other device differs by float rounding alone.

==================  ==============================  ====================================================================
face:pixels         uint8 ``[3, S, S]``             Y, U and V of the square at its final size; ``context`` and
                                                    ``background_face`` likewise
face:rgb            float32 ``[3, 4]``              the affine map that makes normalised RGB of them, what was drawn of
                                                    colours included
face:drawn          float32 ``[5]``                 standard deviation of the blur in pixels, 0 for none, and the
                                                    rectangle ``x0, y0, x1, y1`` to erase
face_mask:axes      float32 ``[2 S + 1]``           squared distances of columns and rows from the ellipse's centre in
                                                    half axes, and the shorter half axis; ``sequence_mask`` likewise
==================  ==============================  ====================================================================
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from dfcore.data.views.augment import blur, convolved, erase, most_radius

__all__ = [
    "AXES",
    "DRAWN",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "PIXELS",
    "RGB",
    "ellipses",
    "finish_views",
    "move_views",
    "part_name",
]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
PIXELS, RGB, DRAWN, AXES = "pixels", "rgb", "drawn", "axes"


def part_name(view: str, part: str) -> str:
    """The key of a view's part in a batch."""
    return f"{view}:{part}"


def move_views(views: Mapping[str, Tensor], device: torch.device, *, channels_last: bool) -> dict[str, Tensor]:
    """A batch's views on ``device``, finished there; images (3 channels) in ``channels_last`` format if asked."""
    there = finish_views({name: view.to(device, non_blocking=True) for name, view in views.items()})
    if channels_last:
        for name, view in there.items():
            if view.ndim == 4 and view.shape[1] == 3:
                there[name] = view.contiguous(memory_format=torch.channels_last)
    return there


@torch.no_grad()
def finish_views(views: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A batch's views, those that were left unfinished made of their parts; the others as they are.

    Args:
        views: ``[B, ...]``, on one device; also of a batch that was finished.
    """
    found: dict[str, Tensor] = {}
    for key, view in views.items():
        name, _, part = key.partition(":")
        if not part:
            found[name] = view
        elif part == PIXELS:
            found[name] = _image(view, views[part_name(name, RGB)], views.get(part_name(name, DRAWN)))
        elif part == AXES:
            found[name] = ellipses(view)
    return found


def ellipses(axes: Tensor) -> Tensor:
    """Masks float32 ``[..., 1, S, S]``, 0..1, of axes ``[..., 2 S + 1]``; their soft edge is about one pixel wide."""
    size = axes.shape[-1] // 2
    across, down, least = axes[..., None, :size], axes[..., size:-1, None], axes[..., -1:, None]
    radius = (across + down).sqrt_()
    return radius.sub_(1).mul_(-least).add_(0.5).clamp_(0, 1).unsqueeze(-3)


def _image(pixels: Tensor, rgb: Tensor, drawn: Tensor | None) -> Tensor:
    """Normalised RGB float32 ``[..., 3, S, S]`` of pixels ``[..., 3, S, S]``."""
    size, on_cpu = pixels.shape[-1], pixels.device.type == "cpu"
    flat, maps = pixels.reshape(-1, 3, size * size), rgb.reshape(-1, 3, 4)
    images = torch.empty(len(flat), 3, size * size, device=pixels.device)
    if on_cpu:  # one at a time, so that each stays in the processor's cache
        for image, own, own_map in zip(images.split(1), flat.split(1), maps.split(1), strict=True):
            _normalise(own, own_map, image)
    else:
        _normalise(flat, maps, images)
    images = images.view(-1, 3, size, size)
    if drawn is not None:
        images = _drawn_singly(images, drawn) if on_cpu else _drawn_together(images, drawn)
    return images.view(pixels.shape)


def _normalise(pixels: Tensor, maps: Tensor, out: Tensor) -> None:
    """``[n, 3, S S]`` through affine maps ``[n, 3, 4]`` into ``[n, 3, S S]``.

    Sums of products, not a product of matrices: that would be rounded to TF32 or bf16 where a model's products are.
    """
    yuv = pixels.float()
    torch.addcmul(maps[:, :, 3:], yuv[:, :1], maps[:, :, :1], out=out)
    out.addcmul_(yuv[:, 1:2], maps[:, :, 1:2]).addcmul_(yuv[:, 2:], maps[:, :, 2:3])
    for channel, (mean, std) in enumerate(zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)):
        out[:, channel].clamp_(-mean / std, (1 - mean) / std)  # 0 and 1 in RGB


def _drawn_singly(images: Tensor, drawn: Tensor) -> Tensor:
    """What was drawn, done to those images alone that it was drawn for."""
    for image, (sigma, *rectangle) in zip(images.split(1), drawn.tolist(), strict=True):
        if sigma:
            image.copy_(blur(image, sigma))
        erase(image, rectangle)
    return images


def _drawn_together(images: Tensor, drawn: Tensor) -> Tensor:
    """The same done to all images at once: to ask which are concerned, the CPU would have to wait for the device."""
    size = images.shape[-1]
    sigma = drawn[:, :1]
    steps = torch.arange(-most_radius(size), most_radius(size) + 1, device=images.device)
    weights = torch.exp(-0.5 * (steps / sigma.clamp(min=1e-3)) ** 2) * (steps.abs() <= (3 * sigma).round().clamp(min=1))
    images = convolved(images, (weights / weights.sum(1, keepdim=True)).T[..., None, None, None])
    place = torch.arange(size, device=images.device)
    x0, y0, x1, y1 = drawn[:, 1:, None].unbind(1)
    across, down = (place >= x0) & (place < x1), (place >= y0) & (place < y1)
    return images.masked_fill_((across[:, None, :] & down[:, :, None])[:, None], 0)
