"""What is installed, from metadata and announcements alone; and datasets of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dfcore.config import keys
from dfcore.errors import UnknownNameError, UsageError
from dfcore.results import Result, plain
from dfcore.specs import DatasetSpec, SpecialistSpec

if TYPE_CHECKING:
    from dfcore.data.protocols import Dataset

__all__ = ["SpecialistInfo", "describe", "register_dataset", "specialists"]

EFFICIENTNET_B4_FEATURES = 1792
"""The default backbone's; asking timm would import torch."""


@dataclass(frozen=True, slots=True)
class ModelInfo(Result):
    """A specialist with a certain backbone.

    Attributes:
        backbone: its name.
        backbone_features: channels F of its map.
        image_size: side of the face view in pixels.
        input_size: side that the backbone computes at.
        grid: cells of its own map, which is brought to 7x7; None where it gives 7x7 or does not say.
        mean, std: that faces are normalised with for it; None where it does not say.
        parameters: of the whole specialist and of the backbone, and how many are trained by each ``model.tune``.
    """

    backbone: str
    backbone_features: int
    image_size: int
    input_size: int
    grid: tuple[int, int] | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    parameters: dict[str, int]


@dataclass(frozen=True, slots=True)
class SpecialistInfo(Result):
    """A specialist and where it comes from.

    Attributes:
        spec: the announcement: title, cues, views, evidence, augmentations, references.
        distribution, version: what brought it.
        model: with a backbone that was named; None where none was.
    """

    spec: SpecialistSpec
    distribution: str
    version: str
    model: ModelInfo | None = None

    @property
    def fused_features(self) -> int:
        """Length of what the classifier sees, with the default backbone or the one that was named."""
        return (self.model.backbone_features if self.model else EFFICIENTNET_B4_FEATURES) + self.spec.features

    def to_dict(self) -> dict[str, Any]:
        """The announcement's fields, what follows from them, and the distribution, in one dictionary."""
        spec = self.spec
        return {
            **plain(spec),
            "channels": spec.channels,
            "features": spec.features,
            "fused_features": self.fused_features,
            "trainable": spec.trainable,
            "uses_audio": spec.uses_audio,
            "distribution": self.distribution,
            "version": self.version,
            **({} if self.model is None else {"model": plain(self.model)}),
        }


def specialists() -> list[str]:
    """Names of the installed specialists: of the plugins that announce one. Their announcements are imported."""
    from dfcore.plugins import registry

    return registry().specialist_names()


def describe(name: str, *, backbone: str = "") -> SpecialistInfo:
    """What the specialist ``name`` looks at, and with what; its announcement is imported, not its cue module.

    Args:
        name: an installed specialist.
        backbone: build the model with this one too, without weights, and tell its sizes; imports torch.

    Raises:
        UnknownNameError: no such specialist or backbone.
        PluginError: its plugin cannot be loaded.
        ModelError: the model cannot be built.
    """
    from dfcore.plugins import registry

    spec = registry().specialist(name)
    entry = next(entry for entry in registry().entries if entry.name == name)
    return SpecialistInfo(spec, entry.distribution, entry.version, _model(name, backbone) if backbone else None)


def _model(name: str, backbone: str) -> ModelInfo:
    from dfcore.models import factory
    from dfcore.models.backbones.tuning import choose_trained, count_parameters

    model = factory.create(name, backbone=backbone, pretrained=False, seed=0)
    counts: dict[str, int] = {}
    for tune in ("all", "norms", "head"):
        choose_trained(model, tune)
        found = count_parameters(model)
        counts |= {"total": found.total, "backbone": found.backbone, f"trained_{tune}": found.trained}
    about = model.backbone
    rows, columns = (getattr(about, part, None) for part in ("rows", "columns"))
    grid = None if rows is None or columns is None else (rows.shape[1], columns.shape[1])
    mean, std = getattr(about, "mean", None), getattr(about, "std", None)
    sizes = model.image_size, int(model.model_config["backbone_input_size"])
    return ModelInfo(backbone, model.num_features, *sizes, grid, mean, std, counts)


def register_dataset(
    name: str,
    adapter: Dataset | Callable[[], Dataset],
    *,
    title: str = "",
    defaults: Mapping[str, Any] | None = None,
) -> DatasetSpec:
    """Make a dataset of your own known to this process, as a plugin's would be: ``configure(..., dataset=name)``.

    Each process that trains on it, resumes such a run or prepares it has to register it first. One that was registered
    under the same name before is replaced.

    Args:
        name: what it is called in ``dataset=`` and in ``stage.dataset``: letters, digits, ``_`` and ``-``.
        adapter: an object with ``scan(root) -> dfcore.Scan``, or a class or function that makes one.
        title: its name for people; "" takes ``name``.
        defaults: configuration values that suit it and give way to anything that is set.

    Raises:
        UsageError: ``name`` is no such word, or an installed dataset has it; or ``adapter`` cannot scan.
        UnknownNameError: a key in ``defaults`` does not exist.
    """
    from dfcore.plugins import registry

    if not name.replace("_", "").replace("-", "").isalnum():
        raise UsageError(f"a dataset's name consists of letters, digits, '_' and '-'; {name!r} does not.")
    if not callable(getattr(adapter, "scan", None)) and not callable(adapter):
        raise UsageError(
            f"dataset {name!r}: an adapter has a method scan(root) that returns a dfcore.Scan; {adapter!r} has none."
        )
    for key in defaults or {}:
        if key not in keys():
            raise UnknownNameError("configuration key", key, keys())
    made = isinstance(adapter, type) or not hasattr(adapter, "scan")
    factory: Callable[[], Any] = adapter if made else lambda: adapter  # type: ignore[assignment]
    spec = DatasetSpec(name, title or name, factory, "registered in code", defaults=dict(defaults or {}))
    registry().add_dataset(spec)
    return spec
