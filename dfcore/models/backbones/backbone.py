"""The default backbone: any timm model, its last map brought to 7x7."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.errors import ModelError, UnknownNameError, WriteError
from dfcore.filesystem.writing import is_full, write_error
from dfcore.models.backbones.pretrained import hub_cache, load_file, no_weights, pretrained_overlay
from dfcore.models.backbones.vision import import_timm
from dfcore.specs import MAP_SIZE

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "TimmBackbone", "resampling"]

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""What the view ``face`` is normalised with."""
FACE_SIZE = 224
SMALLEST, LARGEST = 32, 1024
_PROBED: dict[tuple[str, int], tuple[int, int, int]] = {}
"""What models gave in this process, by name and size of their input."""
WELL_KNOWN = ("efficientnet_b4", "mobilenetv3_small_100", "resnet50")


class TimmBackbone(nn.Module):
    """A timm model without its classifier and pooling.

    Maps of another size than 7x7 are averaged down or interpolated up; a transformer's patch tokens are laid out as
    the map they came from, its prefix tokens (class, registers) dropped. Faces are renormalised where the model was
    trained with another mean and deviation than ImageNet's.

    Args:
        name: timm's name, with or without a tag (``efficientnet_b4.ra2_in1k``).
        pretrained: start from timm's weights for that name.
        weights: a file to start from instead.
        image_size: side S of the face view in pixels; 0 takes the model's input size, or where that is not given nor
            fixed 224, or the model's own size where that is smaller.
        backbone_input_size: side N in pixels that the model computes at; 0 takes its own where it has a fixed one, else
            S. Of a model with a fixed size another is one that timm resamples its positions to. Faces of another
            side are resized by :meth:`forward`, on the device where they are.
        check: called with the state dict once the model is built, before it is run for the first time; may raise.
        num_features: F. 0 runs the model once, to know that and the map's size; else the size is learnt as the first
            faces come, and nothing may trace :meth:`forward` before.

    Raises:
        UnknownNameError: timm knows no such model.
        WeightsError: the weights cannot be had, or do not fit.
        WriteError: the disk is full that they are downloaded to.
        ModelError: the model gives no map, or not at that size.
    """

    concurrent = True
    """That two threads may call :meth:`forward` at once."""
    foldable = "model"
    """Which part takes one tensor, and may have its batch norms in its convolutions where it only judges."""
    scale: Tensor
    shift: Tensor
    rows: Tensor | None
    columns: Tensor | None
    pixels: Tensor

    def __init__(
        self,
        name: str,
        pretrained: bool = True,
        weights: Path | None = None,
        image_size: int = 0,
        backbone_input_size: int = 0,
        check: Callable[[Mapping[str, Tensor]], None] | None = None,
        num_features: int = 0,
    ) -> None:
        super().__init__()
        cfg = _configuration(name)
        self.name = name
        self.image_size, self.input_size = _sizes(cfg, image_size, backbone_input_size)
        self.model = _build(name, cfg, pretrained, weights, self.input_size)
        # Buffers that are saved: another timm release may attach other weights, and values, to the same name.
        self.mean, self.std = tuple(cfg.mean), tuple(cfg.std)
        mean, std = (torch.tensor(cfg.mean).view(-1, 1, 1), torch.tensor(cfg.std).view(-1, 1, 1))
        self.register_buffer("scale", torch.tensor(IMAGENET_STD).view(-1, 1, 1) / std)
        self.register_buffer("shift", (torch.tensor(IMAGENET_MEAN).view(-1, 1, 1) - mean) / std)
        if check is not None:
            check(self.state_dict())
        self.register_buffer("rows", None, persistent=False)
        self.register_buffer("columns", None, persistent=False)
        self.num_features, self.resample = num_features, True
        if not num_features:
            self.num_features, rows, columns = self._probe()
            self._learn_size(rows, columns, self.scale)
        self.resize = self.image_size != self.input_size
        if self.resize:
            self.register_buffer("pixels", resampling(self.image_size, self.input_size), persistent=False)

    def forward(self, face: Tensor) -> Tensor:
        """``face`` [B, 3, S, S], ImageNet-normalised float, to ``[B, F, 7, 7]``."""
        if self.resize:
            face = self.pixels @ face @ self.pixels.mT
        cells = self._as_map(self.model(face * self.scale + self.shift))
        if not self.resample:
            return cells
        if self.rows is None or self.columns is None:
            return self._resampled(cells, *self._learn_size(cells.shape[2], cells.shape[3], cells))
        return self._resampled(cells, self.rows, self.columns)

    def _resampled(self, cells: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        return rows @ cells @ columns.mT if self.resample else cells

    def _learn_size(self, rows: int, columns: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Take in the size of the model's map: what brings it to 7x7, on the device of ``like``."""
        self.resample = (rows, columns) != (MAP_SIZE, MAP_SIZE)
        with torch.inference_mode(False):  # made there, no gradient could go through them later
            self.rows, self.columns = resampling(rows).to(like.device), resampling(columns).to(like.device)
        return self.rows, self.columns

    def _probe(self) -> tuple[int, int, int]:
        """Features, rows and columns of the model's map, by trying: once for each name and size."""
        size = self.input_size
        known = _PROBED.get((self.name, size))
        if known is not None:
            return known
        training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad():
                cells = self._as_map(self.model(torch.zeros(1, 3, size, size)))
        except (RuntimeError, TypeError, ValueError, AssertionError, AttributeError) as error:
            raise ModelError(
                f"timm's {self.name!r} does not take faces of {size} px: {type(error).__name__}: {error}. "
                "Choose another backbone, or another model.backbone_input_size or model.image_size."
            ) from error
        self.model.train(training)
        _, features, rows, columns = cells.shape
        return _PROBED.setdefault((self.name, size), (features, rows, columns))

    def _as_map(self, found: Tensor) -> Tensor:
        """``[B, F, h, w]`` from a map in either memory order, or from tokens ``[B, n, F]``."""
        if found.dim() == 4:
            widths = {self.model.num_features, getattr(self.model, "head_hidden_size", None)}
            last = found.shape[1] not in widths and found.shape[3] in widths
            cells = found.permute(0, 3, 1, 2) if last else found
        elif found.dim() == 3:
            cells = self._from_tokens(found)
        else:
            cells = found.new_zeros(found.shape[0], 1, 1, 1)
        if min(cells.shape[2:]) < 2:
            raise ModelError(
                f"timm's {self.name!r} gives {list(found.shape)} for a face of {self.input_size} px, which is no map: "
                "the attention head needs to know where things are. Choose another backbone."
            )
        return cells

    def _from_tokens(self, tokens: Tensor) -> Tensor:
        count = tokens.shape[1]
        prefix = getattr(self.model, "num_prefix_tokens", None)
        if prefix is None:  # some models do not say; a lone class token is the custom
            prefix = 0 if math.isqrt(count) ** 2 == count else 1
        side = math.isqrt(count - prefix)
        if side * side != count - prefix:
            raise ModelError(f"timm's {self.name!r} gives {count} tokens, {prefix} of them apart: no square map.")
        return tokens[:, prefix:].transpose(1, 2).unflatten(2, (side, side))


def resampling(size: int, target: int = MAP_SIZE) -> Tensor:
    """Weights ``[target, size]`` that bring one axis to 7 cells, or to ``target`` pixels: area means down, linear
    interpolation up; rows sum to 1.

    A product with fixed weights has a deterministic gradient on every device, which torch's adaptive pooling and
    interpolation have not.
    """
    axis = torch.eye(size).unsqueeze(0)
    if size >= target:
        return F.adaptive_avg_pool1d(axis, target)[0].T.contiguous()
    return F.interpolate(axis, size=target, mode="linear", align_corners=False)[0].T.contiguous()


def _configuration(name: str) -> Any:
    """The ``PretrainedCfg`` that timm has for the model.

    Raises:
        UnknownNameError: there is no such model, or no such tag.
    """
    timm = import_timm()
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        known = timm.list_models()
        near = get_close_matches(architecture.lower(), known, n=6, cutoff=0.6) or WELL_KNOWN
        hint = f"These are some of timm's {len(known)} models; all can be named (https://huggingface.co/docs/timm)."
        raise UnknownNameError("backbone", name, near, hint)
    tags = timm.list_pretrained(f"{architecture}.*")
    if tag and name not in tags:
        raise UnknownNameError("backbone", name, [architecture, *tags])
    return timm.get_pretrained_cfg(name)


def _sizes(cfg: Any, image: int, model: int) -> tuple[int, int]:
    """The side of the face view and that of the model's input, from what is asked for, 0 where nothing is."""
    own = int(cfg.input_size[-1])
    for key, size in (("image_size", image), ("backbone_input_size", model)):
        if size and size != own and not SMALLEST <= size <= LARGEST:
            raise ModelError(f"model.{key} must be between {SMALLEST} and {LARGEST} px, not {size}.")
    given = model or (own if cfg.fixed_input_size else 0)
    view = image or given or min(FACE_SIZE, own)
    return view, given or view


def _build(name: str, cfg: Any, pretrained: bool, weights: Path | None, size: int) -> nn.Module:
    timm = import_timm()
    other = cfg.fixed_input_size and size != int(cfg.input_size[-1])
    # timm resamples the positions of weights that it fetches itself; those of a file are resampled once they are in.
    sized = {"img_size": size} if other and weights is None else {}
    fetch = pretrained and weights is None
    overlay = pretrained_overlay(name, cfg) if fetch else {}
    try:
        model: nn.Module = timm.create_model(
            name, pretrained=fetch, num_classes=0, pretrained_cfg_overlay=overlay or None, **sized
        )
    except Exception as error:
        if fetch and is_full(error):
            said = f"{write_error(hub_cache(), error)} (HF_HOME names another place for downloads.)"
            raise WriteError(said) from error
        if fetch:
            raise no_weights(name, f"{type(error).__name__}: {error}") from error
        at = f" for faces of {size} px; leave model.backbone_input_size at 0" if sized else ""
        raise ModelError(f"timm cannot build {name!r}{at}: {type(error).__name__}: {error}.") from error
    if weights is not None:
        classifier = cfg.classifier or ()
        load_file(model, weights, (classifier,) if isinstance(classifier, str) else classifier)
    try:
        if other and weights is not None:
            model.set_input_size(img_size=size)  # type: ignore[operator]
    except (AssertionError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"timm's {name!r} cannot take faces of {size} px ({error}). Leave model.backbone_input_size at 0."
        ) from error
    try:
        model.reset_classifier(0, "")  # type: ignore[operator]
    except (AssertionError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"timm's {name!r} cannot do without its pooling ({type(error).__name__}: {error}). Choose another backbone."
        ) from error
    return model
