"""The whole plugin interface: what a plugin may announce.

A plugin is a module named by an entry point in the group ``dfcore.plugins``. It sets ``DFCORE_API`` to the number
below that it was written for, and implements any of these hooks with ``@dfcore.hookspecs.hookimpl``.
"""

from __future__ import annotations

import pluggy

from dfcore.specs import ComponentSpec, DatasetSpec, RecipeSpec, SpecialistSpec, StageSpec

API = 1
"""Raised by one when a change here breaks plugins."""

hookspec = pluggy.HookspecMarker("dfcore")
hookimpl = pluggy.HookimplMarker("dfcore")


@hookspec
def dfcore_specialist() -> SpecialistSpec:  # type: ignore[empty-body]
    """Announce the specialist that this plugin ships."""


@hookspec
def dfcore_backbones() -> list[ComponentSpec]:  # type: ignore[empty-body]
    """Announce backbones; see :class:`dfcore.models.protocols.Backbone`."""


@hookspec
def dfcore_attention_heads() -> list[ComponentSpec]:  # type: ignore[empty-body]
    """Announce attention heads; see :class:`dfcore.models.protocols.AttentionHead`."""


@hookspec
def dfcore_classifiers() -> list[ComponentSpec]:  # type: ignore[empty-body]
    """Announce classifiers; see :class:`dfcore.models.protocols.Classifier`."""


@hookspec
def dfcore_datasets() -> list[DatasetSpec]:  # type: ignore[empty-body]
    """Announce datasets; see :class:`dfcore.data.protocols.Dataset`."""


@hookspec
def dfcore_stages() -> list[StageSpec]:  # type: ignore[empty-body]
    """Announce stages of the curriculum."""


@hookspec
def dfcore_losses() -> list[ComponentSpec]:  # type: ignore[empty-body]
    """Announce losses; see :class:`dfcore.training.protocols.Loss`."""


@hookspec
def dfcore_feature_losses() -> list[ComponentSpec]:  # type: ignore[empty-body]
    """Announce losses of what the classifier sees; see :class:`dfcore.training.protocols.FeatureLoss`."""


@hookspec
def dfcore_feature_augmentations() -> list[ComponentSpec]:  # type: ignore[empty-body]
    """Announce augmentations of it; see :class:`dfcore.training.protocols.FeatureAugmentation`."""


@hookspec
def dfcore_recipes() -> list[RecipeSpec]:  # type: ignore[empty-body]
    """Announce recipes: named values of the configuration."""


@hookspec
def dfcore_face_detectors() -> list[ComponentSpec]:  # type: ignore[empty-body]
    """Announce face detectors; see :class:`dfcore.data.protocols.FaceDetector`."""


@hookspec
def dfcore_callbacks() -> list[ComponentSpec]:  # type: ignore[empty-body]
    """Announce training callbacks; see :class:`dfcore.training.protocols.Callback`."""
