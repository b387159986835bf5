"""A batch whose halves are computed at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dfcore.models.backbones.halves import in_halves, pays
from dfcore.models.factory import create
from dfcore.testing.views import made_views


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_each_half_has_half_of_the_threads_and_the_caller_has_them_all_again(two_threads: None) -> None:
    meeting, seen = threading.Barrier(2, timeout=60), []

    def network(part: Tensor) -> Tensor:
        seen.append((len(part), torch.get_num_threads(), torch.is_inference_mode_enabled()))
        meeting.wait()  # neither half can be done before the other has begun
        return part * 2

    batch = torch.arange(5.0)
    assert torch.equal(in_halves(network, batch), batch * 2)
    assert sorted(seen) == [(2, 1, True), (3, 1, True)]
    assert torch.get_num_threads() == 2


def test_what_a_half_raises_is_raised_and_the_threads_are_put_back(two_threads: None) -> None:
    def network(part: Tensor) -> Tensor:
        raise ValueError(f"of {len(part)}")

    with pytest.raises(ValueError, match="of 3"):
        in_halves(network, torch.zeros(5))
    assert torch.get_num_threads() == 2


def test_it_is_done_in_inference_with_several_samples_and_threads_alone(two_threads: None) -> None:
    network = nn.Linear(2, 2).eval()
    assert not pays(network, torch.zeros(2))  # a gradient may be wanted
    with torch.inference_mode():
        assert pays(network, torch.zeros(2))
        assert not pays(network, torch.zeros(1))
        assert not pays(network, torch.zeros(2, device="meta"))
        torch.set_num_threads(1)
        assert not pays(network, torch.zeros(2))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@torch.inference_mode()
def test_it_is_not_done_where_the_callers_thread_is_asked_for_more_than_values(two_threads: None) -> None:
    network, seen = nn.Sequential(nn.Linear(2, 2)).eval(), []

    class Looking(nn.Module):
        def forward(self, batch: Tensor) -> Tensor:
            seen.append(pays(network, batch))
            return batch + 1

    batch = torch.zeros(4, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        Looking()(batch)
    with FlopCounterMode(display=False):
        Looking()(batch)
    with torch.device("cpu"):
        Looking()(batch)
    torch.jit.trace(Looking(), batch, check_trace=False)
    hook = network[0].register_forward_hook(lambda *_: None)
    Looking()(batch)
    hook.remove()
    network.train()
    Looking()(batch)
    assert seen == [False] * len(seen)
    assert len(seen) >= 6
    network.eval()
    Looking()(batch)
    assert seen[-1]


def test_a_thread_that_begins_meanwhile_has_all_threads(two_threads: None) -> None:
    seen: list[int] = []

    def network(part: Tensor) -> Tensor:
        if len(part) == 3:
            other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
            other.start()
            other.join()
        return part

    in_halves(network, torch.zeros(5))
    assert seen == [2]


def test_without_another_thread_the_batch_is_computed_at_once(
    two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    sizes: list[int] = []

    def network(part: Tensor) -> Tensor:
        sizes.append(len(part))
        return part * 2

    found = in_halves(network, torch.ones(5))
    assert found.tolist() == [2.0] * 5
    assert sizes == [5]
    assert torch.get_num_threads() == 2


def test_a_specialist_says_the_same(two_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    model = create("rr", backbone="test_efficientnet", pretrained=False, seed=0).eval()
    views = made_views(model.spec, 4, image_size=model.image_size)
    calls: list[int] = []
    forward = type(model.backbone).forward
    monkeypatch.setattr(
        type(model.backbone), "forward", lambda self, face: calls.append(len(face)) or forward(self, face)
    )
    with torch.no_grad():
        whole = model(views)
    with torch.inference_mode():
        halves = model(views)
    assert sorted(calls) == [2, 2, 4]
    torch.testing.assert_close(halves.logits, whole.logits, rtol=1e-4, atol=1e-5)
