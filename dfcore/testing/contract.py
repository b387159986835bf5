"""What every specialist must do, as a test class that a plugin's tests subclass::

    from dfcore.testing.contract import SpecialistContract

    class TestContract(SpecialistContract):
        name = "cm"

A subclass adds tests; it cannot replace one of these (the class statement fails), because a specialist that needs to is
not one.
"""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dfcore.announcement.fields import dotted_paths
from dfcore.data.clips import MemoryClip
from dfcore.data.views.augment import augmentation
from dfcore.errors import MediaError, UnknownNameError
from dfcore.models.factory import create, load
from dfcore.models.files.weights import save_final
from dfcore.models.findings import finding_of, measured
from dfcore.plugins import Registry
from dfcore.plugins.discovery import HEAVY
from dfcore.specs import MAP_SIZE, SpecialistSpec, resolve
from dfcore.testing.constant_inputs import MOST, constant_inputs
from dfcore.testing.views import clip_footage, made_clip, made_views

__all__ = ["SpecialistContract"]

BACKBONE = "test_efficientnet"


class SpecialistContract:
    """Tests of one specialist; set ``name``."""

    name: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        replaced = [name for name in vars(cls) if name.startswith("test_") and hasattr(SpecialistContract, name)]
        if replaced:
            raise TypeError(f"{cls.__name__} replaces tests of the contract: {', '.join(sorted(replaced))}.")
        if not cls.name:
            raise TypeError(f"{cls.__name__} must set `name` to the specialist's.")

    # -- what the tests use ------------------------------------------------------------------------------------------

    @cached_property
    def spec(self) -> SpecialistSpec:
        """The announcement."""
        return Registry().specialist(self.name)

    def module(self, seed: int = 0) -> Any:
        """A fresh cue module."""
        torch.manual_seed(seed)
        return resolve(self.spec.module)()

    def views(self, batch: int = 2, seed: int = 0) -> dict[str, Tensor]:
        """A batch of the views that the cue module reads."""
        views = made_views(self.spec, batch, seed=seed)
        return {name: view for name, view in views.items() if name != "face" or name in self.spec.views}

    def cue_ranges(self) -> Iterator[tuple[str, slice]]:
        """Each cue's channels."""
        first = 0
        for cue in self.spec.cues:
            yield cue.name, slice(first, first + cue.channels)
            first += cue.channels

    # -- the announcement --------------------------------------------------------------------------------------------

    def test_announcement_imports_nothing_heavy(self) -> None:
        code = (
            f"import sys; from dfcore.plugins import Registry; Registry().specialist({self.name!r});"
            f"print([name for name in {HEAVY!r} if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"

    def test_announced_paths_resolve(self) -> None:
        for _, path in dotted_paths(self.spec):
            assert callable(resolve(path))

    def test_announced_augmentations_exist(self) -> None:
        augmentation(self.spec.augmentations)

    # -- the cue module ----------------------------------------------------------------------------------------------

    def test_the_map_has_the_announced_shape(self) -> None:
        cue_map = self.module().eval()(self.views(3))
        assert cue_map.shape == (3, self.spec.channels, MAP_SIZE, MAP_SIZE)
        assert cue_map.flatten(1).shape[1] == self.spec.features
        assert cue_map.dtype == torch.float32
        assert torch.isfinite(cue_map).all()

    def test_every_cue_differs_between_clips(self) -> None:
        cue_map = self.module().eval()(self.views(2))
        for name, channels in self.cue_ranges():
            assert not torch.equal(cue_map[0, channels], cue_map[1, channels]), f"cue {name} is constant"

    def test_gradient_reaches_every_parameter(self) -> None:
        module = self.module().train()
        weights = torch.rand(2, self.spec.channels, MAP_SIZE, MAP_SIZE)
        (module(self.views(2)) * weights).sum().backward()
        dead = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
        assert not dead

    def test_each_cue_has_parameters_of_its_own(self) -> None:
        for name, channels in self.cue_ranges():
            module = self.module().train()
            weights = torch.rand(2, channels.stop - channels.start, 7, 7)
            (module(self.views(2))[:, channels] * weights).sum().backward()
            reached = [n for n, p in module.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0]
            assert reached, f"no gradient flows through cue {name}"

    def test_a_sample_does_not_depend_on_its_batch(self) -> None:
        module, views = self.module().eval(), self.views(3)
        whole = module(views)
        for k in range(3):
            alone = module({name: view[k : k + 1] for name, view in views.items()})
            torch.testing.assert_close(alone[0], whole[k], rtol=1e-4, atol=1e-5)

    def test_it_is_deterministic(self) -> None:
        views = self.views(2)
        assert torch.equal(self.module(3).eval()(views), self.module(3).eval()(views))

    def test_it_leaves_its_views_as_they_were(self) -> None:
        views = self.views(2)
        before = copy.deepcopy(views)
        self.module().train()(views)
        assert all(torch.equal(views[name], before[name]) for name in views)

    def test_an_input_that_was_constant_in_training_moves_no_score_without_bound(self) -> None:
        moved = constant_inputs(self.spec)
        assert [one for one in moved if one.spreads > MOST] == []

    def test_a_missing_view_is_named(self) -> None:
        for name in self.spec.views:
            views = self.views(1)
            del views[name]
            with pytest.raises(KeyError, match=name):
                self.module().eval()(views)

    # -- what it says in words -----------------------------------------------------------------------------------------

    def test_a_finding_measures_what_it_announces_of_each_sample(self) -> None:
        finding = finding_of(self.spec)
        if finding is None:  # allowed: an explanation then says so
            return
        names = [trace.name for trace in finding.traces]
        assert len(set(names)) == len(names) > 0
        assert all(trace.high or trace.low for trace in finding.traces)
        model = self.specialist().eval()
        views = self.all_views(model)
        found = measured(model, views)
        assert list(found) == names
        for k in range(2):
            alone = measured(model, {name: view[k : k + 1] for name, view in views.items()})
            for name in names:
                assert found[name].shape == (2,)
                assert not np.isinf(found[name]).any()
                np.testing.assert_allclose(alone[name][0], found[name][k], rtol=1e-3, atol=1e-4)

    # -- in the whole specialist -------------------------------------------------------------------------------------

    def specialist(self) -> Any:
        """The whole specialist with a tiny backbone."""
        return create(self.name, backbone=BACKBONE, pretrained=False, seed=0)

    def all_views(self, model: nn.Module) -> dict[str, Tensor]:
        """A batch for the whole specialist."""
        return made_views(self.spec, 2, image_size=int(model.image_size))  # type: ignore[arg-type]

    def test_the_specialist_learns_everywhere(self) -> None:
        model = self.specialist().train()
        output = model(self.all_views(model))
        loss = nn.functional.cross_entropy(output.logits + output.cue_logits, torch.tensor([0, 1]))
        loss.backward()
        assert [name for name, p in model.named_parameters() if p.grad is None] == []

    def test_bf16_autocast_is_finite(self) -> None:
        model = self.specialist().eval()
        with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
            output = model(self.all_views(model))
        assert all(torch.isfinite(part).all() for part in output)

    def test_saved_weights_give_the_same_verdicts(self, tmp_path: Path) -> None:
        model = self.specialist().eval()
        path = tmp_path / f"{self.name}_stage1_final.pt"
        save_final(path, model, {"stage": 1})
        views = self.all_views(model)
        with torch.no_grad():
            assert torch.equal(load(path)(views).logits, model(views).logits)

    # -- evidence ----------------------------------------------------------------------------------------------------

    def test_evidence_has_the_announced_shape_and_is_deterministic(self) -> None:
        for evidence in self.spec.evidence:
            clip = made_clip(5, frames=self.spec.clip_frames)
            extract = resolve(evidence.extractor)
            first = extract(clip)
            frames, height, width = clip.y.shape
            assert first.shape == (frames, evidence.channels, height // 16, width // 16)
            assert first.dtype == np.float16
            assert np.isfinite(first).all()
            assert np.array_equal(first, extract(clip))

    def test_abstention_gives_a_reason_or_none(self) -> None:
        if self.spec.abstain_reason:
            answer = resolve(self.spec.abstain_reason)(MemoryClip(made_clip(1, frames=self.spec.clip_frames)))
            assert answer is None or (isinstance(answer, str) and answer)

    # -- pseudo-fakes ------------------------------------------------------------------------------------------------

    def test_pseudo_fakes_are_pairs_of_one_size_and_follow_their_seed(self) -> None:
        if not self.spec.pseudo_fake:
            return
        maker, given = resolve(self.spec.pseudo_fake)(), clip_footage()
        kept = given.y.copy()
        for kind in maker.kinds:
            try:
                control, fake = maker(given, kind, np.random.default_rng(1))
            except MediaError:  # a voice cannot be shifted where there is none
                continue
            assert control.y.shape == fake.y.shape
            assert control.u.shape == fake.v.shape == (*fake.y.shape[:1], fake.y.shape[1] // 2, fake.y.shape[2] // 2)
            assert len(fake.boxes) == len(fake.landmarks) == len(fake.y)
            assert fake.y.dtype == np.uint8
            assert (control.audio is None) == (fake.audio is None)
            assert np.array_equal(fake.y, maker(given, kind, np.random.default_rng(1))[1].y)
        assert np.array_equal(given.y, kept)

    def test_an_unknown_kind_of_pseudo_fake_is_refused(self) -> None:
        if self.spec.pseudo_fake:
            with pytest.raises(UnknownNameError):
                resolve(self.spec.pseudo_fake)()(clip_footage(), "no such kind", np.random.default_rng(0))
