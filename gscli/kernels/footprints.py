"""Gaussians into footprints on a picture, in torch operations: on any device that its tensors are on.

The twin of ``_core/raster_project.h``, formula by formula: a footprint's covariance is the Gram matrix of
two vectors, the scaled axes of the Gaussian as they lie across and down the picture (EWA: Zwicker et al.
2001), and its determinant a sum of squares, so that no digits are lost on needles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import device
from . import quaternions

if TYPE_CHECKING:
    from torch import Tensor

LOG2E = math.log2(math.e)
LOW_PASS = 0.3  # square pixels, added to the diagonal of a covariance in colour
COLOR_CUT, XRAY_CUT = 1 / 255, 1e-5  # what would give a pixel less is left out
LEAST_SHARE = 2.5e-5  # of its opacity that the low-pass filter leaves a Gaussian, squared
BRIGHTEST = 1e30  # infinite colours would be NaN behind what is opaque
MIDDLE = 0.4  # pixels: a footprint that ends before the middle of the outermost pixel is not seen
PIECE = 1 << 20  # Gaussians projected at a time, fewer where a GPU has no memory: about 300 bytes each
LEAST = 1 << 12  # where these are too many, fewer would not help
GEOMETRY = 7  # columns of a record before its colour: u, v, shear, kx, ky, peak, depth


class Gaussians(NamedTuple):
    """What is drawn, column by column; all float32 but for positions, which may be float64.

    Attributes:
        positions: (3, N). opacities: (N,), or densities. scales: (3, N). rotations: (4, N), w first.
        colors: (3, K, N) harmonics of each channel; None where there are none, and for X-rays.
    """

    positions: Tensor
    opacities: Tensor
    scales: Tensor
    rotations: Tensor
    colors: Tensor | None


class Lens(NamedTuple):
    """From where, and how, in pixels and scene units; the names are those of `gscli.cameras.Camera`."""

    position: Sequence[float]
    rotation: Sequence[Sequence[float]]
    fx: float
    fy: float
    cx: float
    cy: float
    near: float
    width: int
    height: int
    parallel: bool


class Footprints(NamedTuple):
    """What a picture shows of Gaussians.

    Attributes:
        records: (M, 10) float32: u, v, shear, kx, ky, peak, depth, red, green, blue. What a Gaussian gives to
            the point (u + dx, v + dy) is peak 2^(kx (dx - shear dy)² + ky dy²).
        rows: (M,) int64, which Gaussians they are of.
    """

    records: Tensor
    rows: Tensor


def footprints(gaussians: Gaussians, lens: Lens, *, raw: bool, antialiased: bool, xray: bool) -> Footprints:
    """Those that a picture shows, the nearest first; an X-ray's in the order of their rows.

    Args:
        raw: opacities are logits and scales logarithms. antialiased: opacities make up for the low-pass
            filter (Yu et al. 2024). xray: opacities are densities, which a ray adds up (Zha et al. 2024).
    """
    import torch

    def project(rows: slice) -> Footprints:
        return _project(gaussians, rows, lens, raw=raw, antialiased=antialiased, xray=xray)

    none = gaussians.opacities.new_empty((0, GEOMETRY + 3))
    nowhere = torch.empty(0, dtype=torch.int64, device=none.device)
    pieces = [
        Footprints(none, nowhere),
        *device.pieces(project, len(gaussians.opacities), PIECE, LEAST),
    ]
    records, rows = (torch.cat(part) for part in zip(*pieces, strict=True))
    if xray:
        return Footprints(records, rows)
    nearest = torch.sort(records[:, 6], stable=True).indices
    return Footprints(records[nearest], rows[nearest])


def _project(
    gaussians: Gaussians, rows: slice, lens: Lens, *, raw: bool, antialiased: bool, xray: bool
) -> Footprints:
    import torch

    cut, low = (XRAY_CUT, 0.0) if xray else (COLOR_CUT, LOW_PASS)
    away = [axis[rows].double() - at for axis, at in zip(gaussians.positions, lens.position, strict=True)]
    across, down, depth = (_dot(turn, away).float() for turn in lens.rotation)  # rounded once, as everywhere
    peak = gaussians.opacities[rows]
    if raw:
        peak = torch.sigmoid(peak)
    (near,) = ((depth > lens.near) & (peak > (0 if xray else cut))).nonzero(as_tuple=True)
    across, down, depth, peak = across[near], down[near], depth[near], peak[near]
    sizes, turns = (columns[:, rows][:, near] for columns in (gaussians.scales, gaussians.rotations))
    axes = _axes(sizes.exp() if raw else sizes, turns, lens.rotation)
    if lens.parallel:
        u, v = lens.fx * across + lens.cx, lens.fy * down + lens.cy
        px = py = torch.zeros_like(depth)
        zoom_x, zoom_y = torch.full_like(depth, lens.fx), torch.full_like(depth, lens.fy)
    else:
        px, py, zoom_x, zoom_y = across / depth, down / depth, lens.fx / depth, lens.fy / depth
        u, v = lens.fx * px + lens.cx, lens.fy * py + lens.cy
        # Farther out the affine approximation is none.
        px = px.clamp((-0.15 * lens.width - lens.cx) / lens.fx, (1.15 * lens.width - lens.cx) / lens.fx)
        py = py.clamp((-0.15 * lens.height - lens.cy) / lens.fy, (1.15 * lens.height - lens.cy) / lens.fy)
    g = [(right - px * forward) * zoom_x for right, _, forward in axes]
    h = [(down_ - py * forward) * zoom_y for _, down_, forward in axes]
    a, b, c = _dot(g, g), _dot(g, h), _dot(h, h)
    normal = [g[i - 2] * h[i - 1] - g[i - 1] * h[i - 2] for i in range(3)]
    flat = _dot(normal, normal)
    determinant, a, c = flat + low * (a + c) + low * low, a + low, c + low
    if xray:  # the line integral through the middle, sqrt(2 pi det3 / det2)
        along = [px * right + py * down_ + forward for right, down_, forward in axes]
        through = _dot(normal, along).abs() / ((px * px + py * py + 1).sqrt() * determinant.sqrt())
        peak = peak * math.sqrt(2 * math.pi) * through
    elif antialiased:
        peak = peak * (flat / determinant).clamp_min(LEAST_SHARE).sqrt()
    reach = (peak / cut).log() * 2  # squared, in standard deviations, at which it gives what is cut
    wide, tall = (reach * a).sqrt(), (reach * c).sqrt()
    shape = (u, v, b / c, -0.5 * LOG2E * (c / determinant), -0.5 * LOG2E / c, peak, depth)
    records = torch.stack(shape, 1)
    seen = records.isfinite().all(1) & (peak > cut) & (records[:, 3] < 0) & (records[:, 4] < 0)
    seen &= (u + wide > MIDDLE) & (u - wide < lens.width - MIDDLE)
    seen &= (v + tall > MIDDLE) & (v - tall < lens.height - MIDDLE)
    (kept,) = seen.nonzero(as_tuple=True)
    chosen = near[kept]
    if gaussians.colors is None:
        colors = records.new_zeros((len(kept), 3))
    else:
        way = torch.stack([axis[chosen] for axis in away]).float()
        colors = _shades(gaussians.colors[:, :, rows][:, :, chosen], way)
    return Footprints(torch.cat([records[kept], colors], 1), chosen + rows.start)


def _axes(sizes: Tensor, turns: Tensor, rotation: Any) -> list[list[Tensor]]:
    """The scaled axes of each Gaussian, as the camera sees them: right, down and forward of each."""
    import torch

    turns = turns / turns.abs().amax(0)  # a zero one becomes NaN, and is not seen
    axes = zip(*quaternions.rows(*(turns / torch.linalg.vector_norm(turns, dim=0))), strict=True)
    return [
        [_dot(turn, [part * size for part in axis]) for turn in rotation]
        for axis, size in zip(axes, sizes, strict=True)
    ]


def _shades(harmonics: Tensor, way: Tensor) -> Tensor:
    """(M, 3) the colours of Gaussians seen along (3, M) ways, which may be of any length."""
    import torch

    basis = spherical_harmonics(
        math.isqrt(harmonics.shape[1]) - 1, way / torch.linalg.vector_norm(way, dim=0)
    )
    return ((harmonics * basis).sum(1) + 0.5).clamp(0, BRIGHTEST).T


def spherical_harmonics(degree: int, way: Tensor) -> Tensor:
    """((degree + 1)², M) real spherical harmonics of (3, M) unit vectors, with the order and signs of 3DGS.

    The associated Legendre functions come by recurrence in the degree.
    """
    import torch

    x, y, z = way
    out: list[Any] = [None] * (degree + 1) ** 2
    cos, sin, top = torch.ones_like(x), torch.zeros_like(x), math.sqrt(0.25 / math.pi)
    for m in range(degree + 1):
        if m:
            cos, sin, top = x * cos - y * sin, x * sin + y * cos, -top * math.sqrt(1 + 0.5 / m)
        before, now = torch.zeros_like(x), torch.full_like(x, top * (math.sqrt(2) if m else 1))
        for n in range(m, degree + 1):
            if n > m:
                up = (4 * n * n - 1) / (n * n - m * m)
                fall = ((n - 1) ** 2 - m * m) / (4 * (n - 1) ** 2 - 1)
                before, now = now, math.sqrt(up) * (z * now - math.sqrt(fall) * before)
            out[n * n + n - m], out[n * n + n + m] = now * sin, now * cos
    return torch.stack(out)


def _dot(a: Any, b: Any) -> Any:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
