"""The cue module: shapes, gradient, and that a resampled face is told from its surround."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dfs_rr import CueModule
from dfs_rr.module import CHANNELS, GROUP
from dfs_rr.plugin import dfcore_specialist
from dfs_rr.window import CELLS, CONFOUNDERS, PER_RATIO, TILE, BlockMean, Places, WindowReader, ranks


def face_blocks() -> Tensor:
    """Share of face: the inner 3x3 tiles."""
    share = torch.zeros(1, 7, 7, 4, 4)
    share[:, 2:5, 2:5] = 1.0
    return share.flatten(1, 2)


def views(count: int = 2, *, factor: float = 1.0, seed: int = 0) -> dict[str, Tensor]:
    """Windows of noise with a 1/f spectrum; the face's tiles are reduced by ``factor`` and enlarged again."""
    draw = torch.Generator().manual_seed(seed)
    fy, fx = torch.fft.fftfreq(64)[:, None], torch.fft.rfftfreq(64)
    fall = 1 / torch.hypot(fy, fx).clamp(min=1 / 64)
    white = torch.randn(count * CELLS, 64, 64, generator=draw)
    images = torch.fft.irfft2(torch.fft.rfft2(white) * fall, (64, 64)) * 1.5
    images = images.unflatten(0, (count, CELLS))
    if factor != 1.0:
        small = F.interpolate(images, scale_factor=1 / factor, mode="bilinear", antialias=True)
        again = F.interpolate(small, size=(64, 64), mode="bicubic")
        inside = face_blocks().amax((-2, -1)) > 0
        images = torch.where(inside[..., None, None], again, images)
    noise = torch.randn(images.shape, generator=draw) * 0.5
    return {
        "tiles": (images + noise + 120).clamp(0, 255).byte(),
        "tile_face": face_blocks().expand(count, -1, -1, -1),
        "qp": torch.full((count, CELLS, 4, 4), 23.0),
    }


def test_channels_and_features_are_the_announced_ones() -> None:
    spec = dfcore_specialist()
    assert {cue.name: cue.channels for cue in spec.cues} == CHANNELS
    assert spec.channels == CueModule.channels == 36
    assert spec.features == 1764


def test_the_map_has_its_shape_and_every_parameter_a_gradient() -> None:
    module = CueModule()
    cue_map = module(views())
    assert cue_map.shape == (2, 36, 7, 7)
    assert cue_map.dtype == torch.float32
    cue_map.square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert bool((parameter.grad != 0).any()), name


@pytest.mark.parametrize("cue", CHANNELS)
def test_descriptors_are_as_many_as_announced_and_of_moderate_size(cue: str) -> None:
    module = CueModule()
    described = module.describe(views())[cue]
    assert described.shape == (2, CELLS, module.operators[cue].descriptors + CONFOUNDERS)
    assert bool(torch.isfinite(described).all())


def test_flat_and_saturated_windows_give_finite_maps() -> None:
    for level in (0, 128, 255):
        given = views(1) | {"tiles": torch.full((1, CELLS, 64, 64), level, dtype=torch.uint8)}
        assert bool(torch.isfinite(CueModule()(given)).all())
    for share in (0.0, 1.0):
        given = views(1) | {"tile_face": torch.full((1, CELLS, 4, 4), share), "qp": torch.full((1, CELLS, 4, 4), -1.0)}
        assert bool(torch.isfinite(CueModule()(given)).all())


def test_a_sample_does_not_depend_on_its_batch() -> None:
    module, given = CueModule().eval(), views(3)
    alone = module({name: view[1:2] for name, view in given.items()})
    torch.testing.assert_close(module(given)[1:2], alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["tiles", "tile_face", "qp"])
def test_a_missing_view_is_named(name: str) -> None:
    given = views(1)
    del given[name]
    with pytest.raises(KeyError, match=name):
        CueModule()(given)


def test_a_face_enlarged_by_two_stands_out_of_its_surround_and_a_native_one_does_not() -> None:
    module = CueModule()
    native, made = (module.describe(views(4, factor=factor))["multi_scale"] for factor in (1.0, 2.0))
    apart = slice(5 * 10, 5 * 10 + 6)  # log R(s) of the face minus that of the surround
    assert native[:, 0, apart].abs().max() < 0.3
    assert bool((made[:, 0, apart].mean(0)[:4] < -0.5).all())


def test_what_the_regressors_explain_is_taken_out() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(1, CELLS, 2, generator=draw)
    share = (torch.arange(CELLS) < 12).float()[None]
    value = 3.0 + x @ torch.tensor([[2.0], [-1.0]])
    value[:, :12] += 0.7  # what the face has beyond it
    left = Places(share, 1 - share, torch.ones(1, CELLS, 1), x).unexplained(value)
    assert float(left[:, 12:].abs().mean()) < 0.15
    assert float(left[:, :12].mean()) == pytest.approx(0.7, abs=0.15)


def test_compare_gives_the_face_minus_the_surround() -> None:
    share = (torch.arange(784) < 160).float()[None]
    energy = torch.where(share > 0, 2.0, 8.0)[..., None] * 1e4
    places = Places(share, 1 - share, torch.ones(1, 784, 1), torch.zeros(1, 784, 2))
    found = places.compare(energy, torch.full((1, 784, 1), 1e4))
    assert found.shape == (1, CELLS, PER_RATIO)
    assert found[0, 0, 0].item() == pytest.approx(-1.386, abs=0.05)  # log(2/8), the surround's mean taken off
    for number, expected in enumerate((0.693, -1.386, 0.693, -1.386), 2):  # log 2, and log(2/8)
        assert found[0, 0, number].item() == pytest.approx(expected, abs=0.01)


def test_what_is_faint_hardly_counts() -> None:
    """Half of the face's blocks lost nearly all, but have a tenth of the contrast: log of 1, not of about a half."""
    share = (torch.arange(784) < 160).float()[None]
    faint = ((torch.arange(784) % 2 == 0) & (share[0] > 0))[None, :, None]
    contrast = torch.where(faint, 0.1, 1.0)
    places = Places(share, 1 - share, contrast, torch.zeros(1, 784, 2))
    found = places.compare(torch.where(faint, 10.0, 1e4), torch.full((1, 784, 1), 1e4))
    assert found[0, 0].abs().max() < 0.6  # the rank
    assert found[0, 0, [0, 2, 3, 4, 5]].abs().max() < 0.02


def test_a_large_batch_is_described_in_groups_as_it_is_at_once() -> None:
    module, given = CueModule(), views(GROUP + 1)
    at_once, in_groups = module._describe(given), module.describe(given)
    for cue, described in at_once.items():
        torch.testing.assert_close(in_groups[cue], described, rtol=1e-4, atol=1e-4)


def test_the_confounders_say_nothing_of_the_face_itself() -> None:
    """A face of ten times the contrast leaves what is told of the clip as it was."""
    given = views(1)
    face = given["tile_face"].mean((-2, -1))[..., None, None] == 1
    sharper = torch.where(face, (given["tiles"].float() - 128) * 0.1 + 128, given["tiles"].float()).to(torch.uint8)
    before, after = (WindowReader()(given | {"tiles": t}).confounders for t in (given["tiles"], sharper))
    torch.testing.assert_close(before[..., :4], after[..., :4], atol=0.02, rtol=0)


def test_ranks_run_from_minus_to_plus_a_half() -> None:
    cell = torch.arange(49.0).flip(0)[None, :, None]
    torch.testing.assert_close(ranks(cell)[0, :, 0], torch.linspace(0.5, -0.5, 49))
    assert ranks(torch.zeros(1, 49, 1)).abs().max() == 0


def test_the_quantiser_is_read_only_where_it_is_known() -> None:
    known, unknown = (WindowReader()(views(1) | {"qp": torch.full((1, CELLS, 4, 4), q)}) for q in (34.0, -1.0))
    assert known.confounders[0, 0, 2:4].tolist() == [1.0, 1.0]
    assert unknown.confounders[0, 0, 2:4].tolist() == [0.0, 0.0]


def test_block_means_leave_the_tiles_margin_out_and_keep_the_order_of_blocks() -> None:
    maps = torch.zeros(CELLS, TILE, TILE)
    maps[3, 16:32, 32:48] = 5.0  # second row, third column of the fourth tile
    maps[:, :4] = maps[:, :, -4:] = 1e6
    found = BlockMean()(maps)
    assert found.shape == (1, 784)
    assert found[0, 3 * 16 + 4 + 2] == pytest.approx(5.0)
    assert found.abs().sum() == pytest.approx(5.0)
    torch.testing.assert_close(BlockMean().of_rows(maps.movedim(0, 1)), found)


def test_what_is_fixed_is_not_kept_with_the_weights() -> None:
    module = CueModule()
    assert set(module.state_dict()) == {name for name, _ in module.named_parameters()}
    assert {name: part.mix[0].out_features for name, part in module.projections.items()} == dict.fromkeys(CHANNELS, 24)
