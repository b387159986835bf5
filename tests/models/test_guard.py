"""What is said of a cue module that gives, or asks for, something else than was announced; the part all cues share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from dfcore.data.views.finish import move_views
from dfcore.errors import ModelError, PluginError
from dfcore.models.cues import LIMIT, CueProjection, required_view
from dfcore.models.guard import not_finite_cues, require_cue_map, run_cue_module

CUES = tuple(SimpleNamespace(name=name, channels=channels) for name, channels in (("edge", 2), ("grid", 3)))
ECHO = SimpleNamespace(name="echo")
SPEC: Any = SimpleNamespace(
    name="toy", module=f"{__name__}:Module", cues=CUES, channels=5, views=("tiles",), evidence=(ECHO,)
)


class Module(nn.Module):
    """Does what it was made with."""

    def __init__(self, act: Any) -> None:
        super().__init__()
        self.act = act

    def forward(self, views: Any) -> Any:
        return self.act(views)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ([0, 0, 0, 0, 0], ""),
        ([1, 0, 0, 0, 0], "the cue edge (1 value)"),
        ([0, 2, 0, 0, 0], "the cue edge (2 values)"),
        ([0, 0, 1, 0, 0], "the cue grid (1 value)"),
        ([0, 0, 0, 1200, 34], "the cue grid (1,234 values)"),
        ([1, 1, 1, 1, 1], "the cues edge (2 values), grid (3 values)"),
    ],
)
def test_cues_with_values_that_are_no_numbers_are_counted_by_their_channels(faults: list[int], said: str) -> None:
    assert not_finite_cues(SPEC, torch.tensor(faults)) == said


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ((), r"gave a tuple. Return one tensor \[B, 5, 7, 7\]"),
        (torch.zeros(1, 5, 7, 7), r"gave \[1, 5, 7, 7\], expected \[2, 5, 7, 7\]: .*\(edge 2, grid 3\)"),
        (torch.zeros(2, 4, 7, 7), r"gave \[2, 4, 7, 7\]"),
        (torch.zeros(2, 5, 7, 8), r"gave \[2, 5, 7, 8\]"),
        (torch.zeros(2, 5, 7, 7, dtype=torch.float64), r"gave float64, expected float32. Write `.float\(\)`"),
    ],
)
def test_a_map_of_another_kind_is_refused_with_the_line(made: Any, said: str) -> None:
    module = Module(None)
    with pytest.raises(PluginError, match=rf"specialist 'toy', .*test_guard.py:\d+.* {said}"):
        require_cue_map(SPEC, module, made, 2)
    require_cue_map(SPEC, module, torch.zeros(2, 5, 7, 7), 2)


@pytest.mark.parametrize(
    ("asked", "said", "unsaid"),
    [
        ("mouth", "'mouth', which the specialist does not announce: write views=('tiles', 'mouth') in", "Did"),
        ("tile", "Did you mean the view 'tiles'?", "announce"),
        ("tiles", "KeyError", "announce"),  # announced: it is missing for another reason
        ("echo", "KeyError", "announce"),
        ("face", "KeyError", "announce"),
        ("a key of its own", "KeyError", "Did you mean"),
    ],
)  # fmt: skip
def test_a_view_that_is_not_announced_is_named_with_what_to_write(asked: str, said: str, unsaid: str) -> None:
    with pytest.raises(PluginError) as caught:
        run_cue_module(SPEC, Module(lambda views: views[asked]), {})
    assert said in str(caught.value)
    assert not unsaid or unsaid not in str(caught.value)


def test_an_error_of_ours_passes_and_another_is_the_plugins() -> None:
    def odd(views: Any) -> Any:
        raise ModelError("a shape")

    with pytest.raises(ModelError, match=r"^a shape$"):
        run_cue_module(SPEC, Module(odd), {})
    with pytest.raises(PluginError, match=r"cue module of specialist 'toy'.*test_guard.py:\d+.*ZeroDivisionError"):
        run_cue_module(SPEC, Module(lambda views: 1 / 0), {})
    assert run_cue_module(SPEC, Module(lambda views: views["a"]), {"a": torch.ones(1)}) == 1


@pytest.mark.parametrize(
    ("shape", "found", "fits"),
    [
        ((3, 4), (2, 3, 4), True),
        ((None, 4), (2, 9, 4), True),
        ((3, 4), (2, 3, 5), False),
        ((3, 4), (2, 4, 4), False),
        ((3,), (2, 3, 4), False),
        ((3, 4), (2, 3), False),
        ((), (2,), True),
    ],
)
def test_a_view_has_the_shape_that_is_asked_for(
    shape: tuple[int | None, ...], found: tuple[int, ...], fits: bool
) -> None:
    view = torch.zeros(found)
    if fits:
        assert required_view({"a": view}, "a", shape, "toy") is view
    else:
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        with pytest.raises(ModelError, match=rf"'a' must have the shape \[B, {expected}\], not \[2"):
            required_view({"a": view}, "a", shape, "toy")
    with pytest.raises(KeyError, match="cue module of toy needs the view 'b'; it was given a"):
        required_view({"a": view}, "b", shape, "toy")
    with pytest.raises(KeyError, match="it was given none"):
        required_view({}, "b", shape, "toy")


def test_a_projection_is_normalised_cell_by_cell_and_mixes_no_cells() -> None:
    torch.manual_seed(0)
    projection, features = CueProjection(3, 2, hidden=8).train(), torch.randn(4, 3, 49) * 50 + 7
    found = projection(features)
    assert found.shape == (4, 2, 7, 7)
    spread = features.var((0, 2), unbiased=False)[:, None]
    normal = (features - features.mean((0, 2))[:, None]) / (spread + 1e-5).sqrt()
    normal = LIMIT * torch.tanh(normal / LIMIT)
    hidden = nn.functional.gelu(normal.mT @ projection.inner.weight.mT + projection.inner.bias)
    expected = hidden @ projection.outer.weight.mT + projection.outer.bias
    torch.testing.assert_close(found, expected.mT.reshape(4, 2, 7, 7), rtol=1e-4, atol=1e-5)
    changed = features.clone()
    changed[:, :, 17] += 1
    projection.eval()
    differs = (projection(changed) != projection(features)).any(1).any(0)
    assert differs.nonzero().tolist() == [[2, 3]]
    assert not list(projection.norm.parameters())
    assert projection.inner.out_features == 8
    assert CueProjection(3, 2).inner.out_features == 32


def test_only_images_have_their_channels_last() -> None:
    views = {"face": torch.zeros(2, 3, 8, 8), "map": torch.zeros(2, 5, 8, 8), "audio": torch.zeros(2, 3, 8)}
    for asked in (True, False):
        moved = move_views(views, torch.device("cpu"), channels_last=asked)
        assert moved["face"].is_contiguous(memory_format=torch.channels_last) == asked
        assert moved["map"].is_contiguous()
        assert moved.keys() == views.keys()
