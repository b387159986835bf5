"""Constructing and running a specialist on made clips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dfcore.announcement.source import announced_at, place_of
from dfcore.data.clips import MemoryClip
from dfcore.data.protocols import Footage
from dfcore.errors import MediaError, PluginError
from dfcore.models.attention import CrossAttentionHead
from dfcore.models.backbones.backbone import TimmBackbone
from dfcore.models.classifier import MLPClassifier
from dfcore.models.factory import cue_module
from dfcore.models.guard import not_finite_cues, require_cue_map, run_cue_module
from dfcore.models.specialist import Parts, Specialist
from dfcore.plugin_check.problems import Problems
from dfcore.plugins.calls import construct, plugin_code, wrong_call
from dfcore.specs import SpecialistSpec, resolve
from dfcore.testing.constant_inputs import MOST, constant_inputs
from dfcore.testing.views import clip_footage, made_clip, made_views

__all__ = ["check_specialist"]

BACKBONE = "test_efficientnet"
BATCH = 2


class ViewsRead(Mapping[str, Tensor]):
    """Views that remember which of them were read."""

    def __init__(self, views: Mapping[str, Tensor]) -> None:
        self.views, self.read = dict(views), set[str]()

    def __getitem__(self, name: str) -> Tensor:
        self.read.add(name)
        return self.views[name]

    def __contains__(self, name: object) -> bool:
        return name in self.views  # Mapping's own would read it

    def __iter__(self) -> Iterator[str]:
        return iter(self.views)

    def __len__(self) -> int:
        return len(self.views)


def check_specialist(spec: SpecialistSpec, problems: Problems) -> None:
    """Make its views with its own evidence, run its cue module alone and in the whole specialist, forwards and
    backwards, and call its reason to abstain and its pseudo-fake.
    """
    if spec.trainable:
        with problems.kept(f"specialist {spec.name!r}", spec.module):
            _check_module(spec)
    if spec.abstain_reason:
        with problems.kept(f"the reason to abstain of specialist {spec.name!r}", spec.abstain_reason):
            _check_abstain_reason(spec)
    if spec.pseudo_fake:
        with problems.kept(f"the pseudo-fake of specialist {spec.name!r}", spec.pseudo_fake):
            _check_pseudo_fake(spec)


def _check_module(spec: SpecialistSpec) -> None:
    torch.manual_seed(0)
    module = cue_module(spec)
    views = ViewsRead(made_views(spec, BATCH))
    with torch.no_grad():
        cue_map = run_cue_module(spec, module.eval(), views)
    require_cue_map(spec, module, cue_map, BATCH)
    odd = not_finite_cues(spec, (~torch.isfinite(cue_map)).sum(dim=(0, 2, 3)))
    if odd:
        raise PluginError(
            f"the cue module of specialist {spec.name!r}, {spec.module} ({place_of(type(module).forward)}), gave "
            f"values that are not finite numbers for made clips, in {odd}. Look there for a division by 0, a "
            "logarithm or root of 0 or less, or a sum that overflows, and bound it (`.clamp(min=1e-6)`)."
        )
    _check_training(spec, module, views)
    _check_constant_inputs(spec)
    unread = [name for name in (*spec.views, *(one.name for one in spec.evidence)) if name not in views.read]
    if unread:
        kept = ", ".join(f"{name!r}" for name in spec.views if name not in unread)
        raise PluginError(
            f"specialist {spec.name!r} announces what its cue module never reads: {', '.join(dict.fromkeys(unread))}. "
            f"Each costs time in every sample: write views=({kept}{',' if kept.count(',') == 0 and kept else ''}) in "
            f"{announced_at(spec.module, 'views=') or 'its announcement'}."
        )


def _check_training(spec: SpecialistSpec, module: nn.Module, views: ViewsRead) -> None:
    """A step of training of the whole specialist, on the smallest backbone."""
    eye = TimmBackbone(BACKBONE, pretrained=False, weights=None, image_size=views["face"].shape[-1])
    head = CrossAttentionHead(eye.num_features, spec.channels, heads=4, dropout=0.1)
    judge = MLPClassifier(eye.num_features + spec.features, dropout=0.1)
    model = Specialist(spec, Parts(eye, module, head, judge), {"backbone": BACKBONE}).train()
    output = model(views, torch.tensor([0, 1]))
    with plugin_code(f"the gradient of specialist {spec.name!r}", spec.module):
        (output.logits.sum() + output.cue_logits.sum() + output.auxiliary).backward()
    still = [name for name, one in module.named_parameters() if one.requires_grad and one.grad is None]
    if still:
        raise PluginError(
            f"the cue module of specialist {spec.name!r}, {spec.module} ({place_of(type(module))}), has parameters "
            f"that no gradient reaches: {', '.join(still)}. Use them in forward, outside of torch.no_grad(), or make "
            "them buffers."
        )


def _check_constant_inputs(spec: SpecialistSpec) -> None:
    far = [one for one in constant_inputs(spec) if one.spreads > MOST]
    if far:
        first = far[0]
        raise PluginError(
            f"a score of specialist {spec.name!r} can be moved without bound: where the view {first.view!r}"
            f"{first.channel} was 1 in all of training, another value moves the margin by {first.spreads:.0f} times "
            f"its spread between clips (at most {MOST:.0f}). Such inputs are flags that one codec never changes. "
            "Pass features through dfcore.models.cues.CueProjection, or bounded_norm and bounded of the same module, "
            f"before any learned weight of {spec.module}."
        )


def _check_abstain_reason(spec: SpecialistSpec) -> None:
    reason, what = resolve(spec.abstain_reason), f"the reason to abstain of specialist {spec.name!r}"
    for audio in (True, False):
        clip = MemoryClip(made_clip(1, frames=spec.clip_frames, audio=audio))
        wrong = wrong_call(reason, clip)
        if wrong:
            raise PluginError(f"{what}, {spec.abstain_reason}, is called with (clip); {wrong}.")
        with plugin_code(what, spec.abstain_reason):
            answer = reason(clip)
        if answer is not None and not (isinstance(answer, str) and answer):
            raise PluginError(
                f"{what}, {spec.abstain_reason} ({place_of(reason)}), returned {answer!r}. Return a sentence that says "
                "why it abstains, or None where it does not."
            )


def _check_pseudo_fake(spec: SpecialistSpec) -> None:
    what = f"the pseudo-fake of specialist {spec.name!r}"
    maker, footage = construct(what, spec.pseudo_fake), clip_footage()
    at = f"{what}, {spec.pseudo_fake} ({place_of(type(maker))}),"
    kinds = getattr(maker, "kinds", None)
    if not isinstance(kinds, tuple) or not kinds or not all(isinstance(kind, str) for kind in kinds):
        raise PluginError(f"{at} must have `kinds`, a tuple of names such as kinds = ('blur',), not {kinds!r}.")
    for kind in kinds:
        try:
            with plugin_code(what, spec.pseudo_fake):
                pair: Any = maker(footage, kind, np.random.default_rng(1))
        except MediaError:  # how it says that this footage has nothing to damage
            continue
        good = isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(one, Footage) for one in pair)
        if not good:
            raise PluginError(f"{at} returned a {type(pair).__name__} for {kind!r}. Write `return control, fake`.")
        control, fake = pair
        if control.y.shape != fake.y.shape or fake.y.dtype != np.uint8:
            raise PluginError(
                f"{at} made a control of {list(control.y.shape)} and a fake of {list(fake.y.shape)}, {fake.y.dtype}, "
                f"for {kind!r}; both must be uint8 of one size."
            )
