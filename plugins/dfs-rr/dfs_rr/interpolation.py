"""Periodic traces of interpolation: strong if nothing was compressed since, near chance after H.264 at crf 23.

In an enlarged image, some pixels are predicted better by their neighbours than others, periodically. Two measures:

* Kirchner's fixed linear predictor (ACM MM&Sec 2008) gives the residual e and the p-map exp(-e^2), whose spectrum has
  peaks.
* The magnitude of the second difference, averaged over rows or columns, has a line spectrum (Gallagher, CRV 2005;
  Mahdian and Saic, IEEE TIFS 2008).

Codecs add peaks of their own on the lattice (k/8, j/8). Only these points are notched: separable interpolation has its
peaks on the axes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dfs_rr.window import CELLS, PER_RATIO, TILE, BlockMean, Operator, Places, Window, to_cells

__all__ = ["Interpolation", "line_spectrum", "notch", "p_map", "predict_error", "second_difference"]

_RATIOS = 2
_AXIS = 8
"""Stretches of an axis of the spectrum, each giving its highest peak."""
_LOW = 6
"""Bins about zero frequency that content fills."""
_INNER = TILE - 2
_PEAKS = 4 + 2 * _AXIS


def predict_error(tiles: Tensor) -> Tensor:
    """Kirchner's residual ``[n, H - 2, W - 2]``: each pixel minus its prediction by its eight neighbours.

    The weights, 1/2 sideways and -1/4 diagonally, make it the product of two second differences, over 4.
    """
    rows = _second(tiles, -1)
    return _second(rows, -2).mul_(0.25)


def _second(tiles: Tensor, dim: int) -> Tensor:
    inner = tiles.shape[dim] - 2
    before, here, after = (tiles.narrow(dim, start, inner) for start in range(3))
    return torch.add(before + after, here, alpha=-2)


def p_map(squares: Tensor) -> Tensor:
    """How well each pixel is predicted, 0..1: exp(-|e|^tau / sigma) with tau = 2, sigma = 1, of ``e^2``.

    Not below exp(-40): subnormal numbers, with which a CPU is many times slower, mean nothing here.
    """
    return squares.neg().clamp_(min=-40.0).exp_()


def second_difference(tiles: Tensor, dim: int) -> Tensor:
    """``|2 x_i - x_(i-1) - x_(i+1)|`` along an axis, which becomes two shorter."""
    return _second(tiles, dim).abs_()


def line_spectrum(line: Tensor, taper: Tensor) -> Tensor:
    """Magnitudes ``[..., 33]`` of ``[..., 62]`` without its mean, tapered, and filled up to 64."""
    return torch.fft.rfft((line - line.mean(-1, keepdim=True)) * taper, n=TILE).abs()


def notch() -> Tensor:
    """``[64, 33]`` bool: bins of the half plane where a peak may count.

    False within one bin of (k/8, j/8), below 6 bins of radius, and outside of radius 1/2.
    """
    fy = torch.fft.fftfreq(TILE)[:, None] * TILE
    fx = torch.fft.rfftfreq(TILE)[None, :] * TILE
    radius = torch.hypot(fy, fx)
    return ~(_on_lattice(fy) & _on_lattice(fx)) & (radius >= _LOW) & (radius <= TILE / 2)


def _on_lattice(bins: Tensor) -> Tensor:
    """Whether a bin lies within one of a multiple of 1/8 cycle per pixel."""
    eighth = TILE // 8
    return ((bins + eighth // 2) % eighth - eighth // 2).abs() <= 1


class Interpolation(Operator):
    """The cue ``interpolation``. Fixed; no parameters."""

    descriptors = _RATIOS * PER_RATIO + 5 + 3 * _PEAKS
    taper: Tensor
    hann: Tensor
    kept: Tensor
    line_kept: Tensor

    def __init__(self) -> None:
        super().__init__()
        hann = torch.hann_window(_INNER, periodic=False)
        bins = torch.arange(TILE // 2 + 1)
        self.register_buffer("hann", hann, persistent=False)
        self.register_buffer("taper", hann * hann[:, None], persistent=False)
        self.register_buffer("kept", notch(), persistent=False)
        self.register_buffer("line_kept", ~_on_lattice(bins) & (bins >= _LOW), persistent=False)
        whole, inner = range(TILE), range(1, TILE - 1)
        self.both, self.across, self.down = BlockMean(inner, inner), BlockMean(whole, inner), BlockMean(inner, whole)

    def forward(self, window: Window) -> Tensor:
        """Descriptors ``[B, 49, D]``."""
        x = window.pixels
        error, rows, columns = predict_error(x), second_difference(x, -1), second_difference(x, -2)
        lines = line_spectrum(torch.stack([rows.mean(-2), columns.mean(-1)], dim=1), self.hann)
        squares = error.square()
        energy = [self.across(rows.square_()), self.down(columns.square_())]
        ratios = window.blocks.compare(torch.stack(energy, dim=-1), window.variance)
        probable = p_map(squares)
        level = to_cells(self.both(probable)[..., None])
        centred = (probable - probable.mean(dim=(1, 2), keepdim=True)).mul_(self.taper)
        planes = torch.fft.rfft2(centred, s=(TILE, TILE)).abs().unflatten(0, (-1, CELLS))
        lines = lines.unflatten(0, (-1, CELLS))
        own = self._peaks(planes, lines)
        broad = self._regions(window.cells, planes, lines)[:, None].expand(-1, CELLS, -1)
        return torch.cat([ratios, level, own[..., :4], broad], dim=-1)

    def _regions(self, cells: Places, planes: Tensor, lines: Tensor) -> Tensor:
        """Peaks of the spectra averaged over face and surround, and their difference: ``[B, 3 * 20]``."""
        means = []
        for weight in (cells.face, cells.surround):
            share = weight / (weight.sum(1, keepdim=True) + 1e-3)
            mean_plane = torch.einsum("bn,bnyx->byx", share, planes)
            mean_lines = torch.einsum("bn,bnky->bky", share, lines)
            means.append(self._peaks(mean_plane, mean_lines))
        face, surround = means
        return torch.cat([face, surround, face - surround], dim=-1)

    def _peaks(self, plane: Tensor, lines: Tensor) -> Tensor:
        """Log peak over mean, ``[..., 20]``, of ``[..., 64, 33]`` and ``[..., 2, 33]``.

        The whole plane, its two axes, the higher of the two line spectra; then the profiles of both axes.
        """
        floor = (plane * self.kept).sum((-2, -1), keepdim=True) / self.kept.sum() + 1e-3
        ratio = torch.log(plane / floor + 0.1).masked_fill(~self.kept, -2.3)
        along_x, along_y = ratio[..., 0, :-1], ratio[..., : TILE // 2, 0]
        base = (lines * self.line_kept).sum(-1, keepdim=True) / self.line_kept.sum() + 1e-3
        line = torch.log(lines / base + 0.1).masked_fill(~self.line_kept, -2.3)
        highest = [ratio.amax((-2, -1)), along_x.amax(-1), along_y.amax(-1), line.amax((-2, -1))]
        profile = [axis.unflatten(-1, (_AXIS, -1)).amax(-1) for axis in (along_x, along_y)]
        return torch.cat([torch.stack(highest, dim=-1), *profile], dim=-1)
