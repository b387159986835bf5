"""The check of all installed plugins, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dfcore.announcement.fields import dotted_paths
from dfcore.announcement.hooks import hook_names
from dfcore.errors import DfcoreError
from dfcore.plugin_check import components, datasets, specialist
from dfcore.plugin_check.installed import check_distribution, check_import
from dfcore.plugin_check.problems import Problems
from dfcore.plugin_check.recipes import check_recipe
from dfcore.plugins import BUILTINS, COMPONENT_KINDS, Registry
from dfcore.specs import resolve

__all__ = ["check_plugins"]

RUN: dict[str, Callable[[Any, Problems], None]] = {
    "dfcore_specialist": specialist.check_specialist,
    "dfcore_backbones": components.check_backbone,
    "dfcore_attention_heads": components.check_attention_head,
    "dfcore_classifiers": components.check_classifier,
    "dfcore_losses": components.check_loss,
    "dfcore_feature_losses": components.check_feature_loss,
    "dfcore_feature_augmentations": components.check_feature_augmentation,
    "dfcore_recipes": check_recipe,
    "dfcore_face_detectors": components.check_face_detector,
    "dfcore_callbacks": components.check_callback,
    "dfcore_datasets": datasets.check_dataset,
}
"""By hook: how what it announces is run."""


def check_plugins(known: Registry) -> dict[str, list[str]]:
    """Load every plugin; import, construct and run all that each announces, on made clips and folders.

    What the core announces itself is imported, and not run. Nothing is downloaded and no accelerator is used.

    Args:
        known: the plugins.

    Returns:
        The problems by plugin, in the order of their names; [] for a plugin without any.
    """
    problems = {entry.name: Problems() for entry in known.entries}
    known.load_all()
    for entry in known.entries:
        check_distribution(entry, problems[entry.name])
        if entry.name in known.errors:
            problems[entry.name].add(str(known.errors[entry.name]))
        else:
            check_import(entry, problems[entry.name])
    announced: set[str] = set()
    for hook in hook_names():
        for owner, spec in known.announcements.of(hook):
            announced.add(owner)
            found = problems.setdefault(owner, Problems())
            if _resolves(spec, owner, found) and owner != BUILTINS and hook in RUN:
                RUN[hook](spec, found)
    _check_names(known, problems)
    for owner, faults in known.faults.items():
        for fault in faults:
            problems.setdefault(owner, Problems()).add(str(fault))
    for name, found in problems.items():
        if not found.found and name not in announced:
            found.add(f"{name} announces nothing. Write a hook of docs/plugins.md, with `@hookimpl` above it.")
    return {name: found.found for name, found in problems.items() if found.found or name != BUILTINS}


def _resolves(spec: Any, owner: str, problems: Problems) -> bool:
    """Whether all dotted paths of an announcement lead to a class or function."""
    good = True
    for field, path in dotted_paths(spec):
        try:
            resolve(path, f"{field} of {owner}")
        except DfcoreError as error:
            problems.add(str(error))
            good = False
    return good


def _check_names(known: Registry, problems: dict[str, Problems]) -> None:
    """Names that are taken, that an entry point and its specialist do not share, and those that stages refer to."""
    for name in [entry.name for entry in known.entries if entry.name not in known.errors]:
        for _ in known.announcements.of("dfcore_specialist", only=name):
            with problems[name].kept(f"plugin {name!r}", name):
                known.specialist(name)
    losses, sets = known.components("loss"), known.datasets()
    for kind in COMPONENT_KINDS:
        known.components(kind)
    known.recipes()
    stages = known.stages()
    for owner, stage in known.announcements.of("dfcore_stages"):
        for field, name, choices in (("loss", stage.loss, losses), ("dataset", stage.dataset, sets)):
            if name not in choices:
                place = known.announcements.line_of(owner, "dfcore_stages", name)
                known_names = ", ".join(choices)
                problems[owner].add(f"{place}: stage {stage.number} names the {field} {name!r}; known: {known_names}.")
        if stage.after is not None and stage.after not in stages:
            problems[owner].add(f"stage {stage.number} comes after stage {stage.after}, which nothing announces.")
