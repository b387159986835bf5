"""The rhythms of speech, on signals whose rhythm is known."""

from __future__ import annotations

import math

import pytest
import torch

from dfs_av.speech_patterns import RHYTHMS, modulation


@pytest.mark.parametrize(("hertz", "column"), [(1.5, 0), (2.5, 1), (3.5, 2), (4.5, 3), (6.0, 4), (7.5, 5), (10.0, 6)])
def test_the_rhythm_of_a_sine(hertz: float, column: int) -> None:
    wave = torch.sin(2 * math.pi * hertz * torch.arange(60) / 25)[None]
    assert modulation(wave).argmax().item() == column
    assert RHYTHMS[column][0] <= hertz < RHYTHMS[column][1]
    assert modulation(torch.zeros(1, 60)).unique().item() == pytest.approx(math.log(1e-4))
