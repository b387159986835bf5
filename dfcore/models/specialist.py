"""The assembled specialist: backbone beside cue module, joined by an attention head, judged by a classifier."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dfcore.errors import ModelError, UsageError
from dfcore.models.backbones.folding import fold_norms, foldable_part
from dfcore.models.backbones.halves import in_halves, pays
from dfcore.models.files import weights
from dfcore.models.guard import require_cue_map, run_cue_module
from dfcore.models.protocols import SpecialistOutput, Views
from dfcore.plugins.calls import plugin_code
from dfcore.specs import MAP_SIZE, SpecialistSpec

__all__ = ["Parts", "Specialist"]

FACE = "face"
_OWN_DTYPE = (
    "specialist {!r} keeps its weights in float32: differences of a few grey levels, which its cue module measures, do "
    "not survive half precision. Load it anew, leave its dtype, and compute the rest in half precision with "
    "torch.autocast(device_type, dtype=torch.bfloat16)."
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The modules that a specialist is assembled from; see :mod:`dfcore.models.protocols`."""

    backbone: nn.Module
    cue_module: nn.Module
    attention_head: nn.Module
    classifier: nn.Module


class Specialist(nn.Module):
    """A whole detector for one family of traces.

    The classifier sees the F pooled backbone features and the C*49 cue features after attention, each half
    normalised by a LayerNorm of its own so that neither drowns the other. The cue head is a linear layer on the
    cue module's map alone: it keeps the cue module learning, and measures what the cue is worth by itself.

    The cue module always runs in float32: differences of a few grey levels do not survive half precision.

    Args:
        spec: the announcement.
        parts: the modules.
        model_config: what :func:`dfcore.models.factory.create` was called with; saved with the weights.
    """

    def __init__(self, spec: SpecialistSpec, parts: Parts, model_config: Mapping[str, Any]) -> None:
        super().__init__()
        self.spec = spec
        self.model_config: dict[str, Any] = dict(model_config)
        self.view_names = _view_names(spec)
        self.num_features = int(parts.backbone.num_features)  # type: ignore[arg-type]
        self.image_size = int(parts.backbone.image_size)  # type: ignore[arg-type]
        self.backbone = parts.backbone
        self.cue_module = parts.cue_module
        self.attention_head = parts.attention_head
        self.classifier = parts.classifier
        # One norm for each half. A common one would scale the 1764 to 2548 cue features by the backbone's spread.
        self.token_norm = nn.LayerNorm(self.num_features)
        self.cue_norm = nn.LayerNorm(spec.features)
        self.cue_head = nn.Linear(spec.features, 2)
        self.normalize_features = bool(self.model_config.get("normalize_features", False))
        self.only_judges = False
        # Of training: set by it, and in no file.
        self.frozen_backbone = False
        self.feature_augmentations: tuple[Callable[[Tensor, Tensor], Tensor], ...] = ()

    @property
    def fused_features(self) -> int:
        """Length F + C*49 of what the classifier sees."""
        return self.num_features + self.spec.features

    if TYPE_CHECKING:  # nn.Module's own returns Any

        def __call__(self, views: Views, labels: Tensor | None = None) -> SpecialistOutput:
            """Judge a batch of views, as :meth:`forward` does."""
            ...

    def forward(self, views: Views, labels: Tensor | None = None) -> SpecialistOutput:
        """Judge a batch.

        Args:
            views: at least :attr:`view_names`. ``face`` is float ``[B, 3, S, S]``, or ``[B, T, 3, S, S]`` for T
                frames, whose backbone maps are averaged; S is :attr:`image_size`. Every other view goes to the cue
                module as it is.
            labels: int64 ``[B]``, in training: what the cue module's own loss needs, where it has one.

        Raises:
            ModelError: a view is missing or has another shape, or the backbone gave a map of a wrong shape.
            PluginError: the cue module raised something, or gave something else than a map of its announced cues.
        """
        fused, attention, cue_map = self._join(*self.encode(views))
        output = self._judged(self._augmented(fused, labels), attention, cue_map)
        return output._replace(auxiliary=self._auxiliary(views, labels, output.cue_logits), features=fused)

    def train(self, mode: bool = True) -> Self:
        """As :meth:`torch.nn.Module.train`; a backbone of which nothing is trained stays as it judges: its batch norms
        keep their statistics, and nothing is dropped.

        Raises:
            ModelError: it can only judge.
        """
        if mode and self.only_judges:
            raise ModelError(
                f"specialist {self.spec.name!r} was loaded to judge: batch norms of its backbone have become part of "
                "its convolutions. To train it, load it with dfcore.load."
            )
        super().train(mode)
        if self.frozen_backbone:
            self.backbone.eval()
        return self

    def encode(self, views: Views) -> tuple[Tensor, Tensor]:
        """The two halves before they meet: the backbone's tokens ``[B, F, 7, 7]`` and the cue map ``[B, C, 7, 7]``.

        Args:
            views: as :meth:`forward`.

        Raises:
            ModelError: as :meth:`forward`.
        """
        self._require_views(views)
        tokens = self.tokens(views[FACE])
        return tokens, self._cue_map(views, tokens.shape[0])

    def decide(self, tokens: Tensor, cue_map: Tensor) -> SpecialistOutput:
        """What the specialist says of its two halves; ``auxiliary`` is 0.

        With one of them replaced in part it tells what the score rests on.

        Args:
            tokens: as :meth:`encode` gives them.
            cue_map: likewise.
        """
        return self._judged(*self._join(tokens, cue_map))

    def _judged(self, fused: Tensor, attention: Tensor, cue_map: Tensor) -> SpecialistOutput:
        # On the map itself, before attention: what the backbone knows must not reach this head.
        cue_logits = self.cue_head(cue_map.flatten(1))
        none = cue_logits.new_zeros((), dtype=torch.float32)
        return SpecialistOutput(self.classifier(fused), cue_logits, attention, cue_map, none, fused)

    def _augmented(self, fused: Tensor, labels: Tensor | None) -> Tensor:
        # Inside of forward too: the classifier must be called once, and here, for the exchange of its gradients.
        if labels is None or not self.training:
            return fused
        for augment in self.feature_augmentations:
            with plugin_code("feature augmentation", type(augment)):
                fused = augment(fused, labels)
        return fused

    def judge_background(self, views: Views) -> SpecialistOutput:
        """Judge a batch whose faces are replaced by background, as a control: what is still told comes from the file.

        The backbone sees ``background_face`` in place of ``face``. The cue module sees what it always sees; then every
        cell of its map that ``background_cells`` does not name takes the mean of those that it names. (So what a cue
        module lays over all cells of its map, a contrast of face and surround above all, stays in.)

        Args:
            views: :attr:`view_names`, ``background_face`` and ``background_cells``
                (:mod:`dfcore.data.views.background`); each sample has a background cell.

        Raises:
            ModelError: the cue map's cells do not lie over the window, or as :meth:`forward`.
        """
        if not self.spec.spatial_map:
            raise ModelError(f"the cue map of specialist {self.spec.name!r} has no place for a background control.")
        self._require_views(views)
        tokens = self.tokens(views["background_face"])
        cue_map = self._cue_map(views, tokens.shape[0])
        cells = views["background_cells"].to(cue_map)[:, None]
        mean = (cue_map * cells).sum(dim=(2, 3), keepdim=True) / cells.sum(dim=(2, 3), keepdim=True)
        return self.decide(tokens, torch.where(cells > 0, cue_map, mean))

    def features(self, views: Views) -> Tensor:
        """What the classifier sees of a batch: an embedding, ``[B, F + C*49]``, F backbone features before the cues'.

        Args:
            views: as :meth:`forward`.

        Raises:
            ModelError: as :meth:`forward`.
        """
        return self._join(*self.encode(views))[0]

    def save(self, path: Path | str) -> None:
        """Write the specialist to a file that ``dfcore.load`` reads: a ``.pt``, or a compressed ``.zip``.

        Raises:
            UsageError: the name has another ending.
            WriteError: it cannot be written; what was there before is untouched.
        """
        path = Path(path)
        writers = {".pt": weights.save_final, ".zip": weights.save_zip}
        if path.suffix not in writers:
            raise UsageError(f"{path}: a specialist is saved as .pt or .zip. Give the file one of these endings.")
        writers[path.suffix](path, self, {})

    def fold_norms(self) -> int:
        """Make the backbone's batch norms part of its convolutions, where it says in which part that may be.

        Scores change by rounding alone. Afterwards the specialist cannot be trained or saved.

        Returns:
            How many were.

        Raises:
            PluginError: the backbone has no such part.
        """
        part = foldable_part(self.backbone)
        folded = 0 if part is None else fold_norms(part)
        self.only_judges = self.only_judges or folded > 0
        return folded

    def half(self) -> Self:
        """Refused, as are :meth:`bfloat16` and :meth:`double`.

        Raises:
            ModelError: it says how to compute in half precision.
        """
        raise ModelError(_OWN_DTYPE.format(self.spec.name))

    bfloat16 = double = half

    def _join(self, tokens: Tensor, cue_map: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The classifier's input, the attention and the cue map."""
        attended = self.attention_head(tokens, cue_map)
        halves = [self.token_norm(attended.pooled), self.cue_norm(attended.cues)]
        if self.normalize_features:
            # Each to the same length: the cue map is the longer half, and would be most of a common direction.
            halves = [F.normalize(half.float(), dim=1) * math.sqrt(0.5) for half in halves]
        return torch.cat(halves, dim=1), attended.attention, cue_map

    def _require_views(self, views: Views) -> None:
        if not isinstance(views, Mapping):
            raise ModelError(
                f"specialist {self.spec.name!r} takes its views by name, {{'face': tensor, ...}}, not a "
                f"{type(views).__name__}. It reads {', '.join(self.view_names)}; an item of dfcore.ClipSamples has "
                "them under 'views'."
            )
        missing = [name for name in self.view_names if name not in views]
        if missing:
            raise ModelError(
                f"specialist {self.spec.name!r} reads the views {', '.join(self.view_names)}; "
                f"missing: {', '.join(missing)}. Given: {', '.join(sorted(views)) or 'none'}."
            )
        if self.cue_head.weight.dtype != torch.float32:
            raise ModelError(_OWN_DTYPE.format(self.spec.name))
        if views[FACE].dtype == torch.float64:
            raise ModelError(
                f"view 'face' is float64, specialist {self.spec.name!r} computes in float32: face.float()."
            )

    def _auxiliary(self, views: Views, labels: Tensor | None, like: Tensor) -> Tensor:
        # Inside of forward, so that the gradient exchange between processes sees every parameter that takes part.
        own = getattr(self.cue_module, "auxiliary_loss", None)
        none = like.new_zeros((), dtype=torch.float32)
        if own is None or labels is None or not self.training:
            return none
        what = f"the cue module's own loss of specialist {self.spec.name!r}"
        with torch.autocast(device_type=like.device.type, enabled=False), plugin_code(what, own):
            loss: Tensor | None = own(views, labels)
        return none if loss is None else loss

    def tokens(self, face: Tensor) -> Tensor:
        """The backbone's map ``[B, F, 7, 7]`` of the view ``face``.

        Raises:
            ModelError: the view or the backbone's map has a wrong shape.
        """
        size = self.image_size
        if face.dim() not in (4, 5) or face.shape[-3:] != (3, size, size):
            raise ModelError(
                f"view 'face' must be [B, 3, {size}, {size}] or [B, T, 3, {size}, {size}] for this model, "
                f"not {list(face.shape)}. Build the views with image_size={size}."
            )
        batch, frames = (face.shape[0], 1) if face.dim() == 4 else (face.shape[0], face.shape[1])
        # Frames join the batch, so that any image backbone serves for videos too.
        images = face if face.dim() == 4 else face.flatten(0, 1)
        halves = getattr(self.backbone, "concurrent", False) and pays(self.backbone, images)
        tokens: Tensor = in_halves(self.backbone, images) if halves else self.backbone(images)
        expected = (batch * frames, self.num_features, MAP_SIZE, MAP_SIZE)
        if tokens.shape != expected:
            name = self.model_config.get("backbone", type(self.backbone).__name__)
            raise ModelError(f"backbone {name!r} gave {list(tokens.shape)}, expected {list(expected)}.")
        return tokens if face.dim() == 4 else tokens.unflatten(0, (batch, frames)).mean(dim=1)

    def _cue_map(self, views: Views, batch: int) -> Tensor:
        # Operators take differences of a few grey levels, and bf16 has 8 bits: 131 and 131.4 are the same number in it.
        with torch.autocast(device_type=views[FACE].device.type, enabled=False):
            cue_map = run_cue_module(self.spec, self.cue_module, views)
        require_cue_map(self.spec, self.cue_module, cue_map, batch)
        return cue_map


def _view_names(spec: SpecialistSpec) -> tuple[str, ...]:
    """Face first, then the cue module's views and evidence, each once."""
    return tuple(dict.fromkeys((FACE, *spec.views, *(evidence.name for evidence in spec.evidence))))
