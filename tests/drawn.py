"""Scenes that are hard to draw, and every engine's slow twin: each Gaussian over each pixel, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from gscli import fields
from gscli.cameras import Camera
from gscli.cloud import GaussianCloud, Header
from gscli.splats import Splats

Array = npt.NDArray[Any]


def look(
    eye: Any, at: Any = (0, 0, 0), *, width: int = 70, height: int = 50, fov: float = 50.0, **more: Any
) -> Camera:
    """A camera at `eye` that looks at `at`, z upwards in the picture unless it looks along it."""
    eye, at = np.asarray(eye, np.float64), np.asarray(at, np.float64)
    forward = (at - eye) / np.linalg.norm(at - eye)
    right = np.cross(forward, (0, 0, 1) if abs(forward[2]) < 0.99 else (0, 1, 0))
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = [right, np.cross(forward, right), forward]
    pose[:3, 3] = -pose[:3, :3] @ eye
    focal = width / 2 / math.tan(math.radians(fov) / 2)
    sized = {"fx": focal, "fy": focal * 1.1, "cx": width / 2 - 0.7, "cy": height / 2 + 0.4}
    return Camera("here", pose, **(sized | {"width": width, "height": height} | more))


def cloud(count: int, degree: int = 0, seed: int = 0, **columns: Any) -> GaussianCloud:
    """Gaussians around the origin; columns by name take the place of those made."""
    rng = np.random.default_rng(seed)
    made = {name: rng.normal(0, 0.5, count) for name in fields.POSITION}
    made |= {name: rng.normal(0, 1.2, count) for name in fields.SH_DC}
    made |= {name: rng.normal(0, 0.25, count) for name in fields.sh_rest(degree)}
    made |= {fields.OPACITY: rng.normal(0.5, 2, count)}
    made |= {name: rng.normal(-2.5, 0.6, count) for name in fields.SCALE}
    made |= {name: rng.normal(0, 1, count) for name in fields.ROTATION}
    comments = columns.pop("comments", ())
    made = {name: np.asarray(values, np.float32) for name, values in made.items()} | columns
    found = GaussianCloud.from_columns(made)
    return GaussianCloud(found.rows, Header(comments=tuple(comments)))


def _placed(offset: float) -> Callable[[int], Any]:
    """Columns of positions around a far origin, of which float32 holds every one."""
    return lambda axis: (offset + np.round(np.random.default_rng(axis).normal(0, 0.5, 60) * 8) / 8).astype(
        np.float32
    )


ORBIT = look((1.6, -1.2, 0.9))
INFINITE = np.resize(np.array([np.nan, np.inf, -np.inf, 0.1], np.float32), 40)
NEEDLE = {
    "scale_0": np.full(30, -0.5, np.float32),
    **{f"scale_{i}": np.full(30, -7, np.float32) for i in (1, 2)},
}

SCENES: dict[str, tuple[GaussianCloud, Camera]] = {
    **{f"degree {degree}": (cloud(80, degree, seed=degree), ORBIT) for degree in range(5)},
    "none": (cloud(0), ORBIT),
    "one": (cloud(1), ORBIT),
    "behind": (cloud(50), look((4, 0, 0), (8, 0, 0))),
    "around the camera": (cloud(80, 1), look((0.05, 0.02, 0.01), (1, 0.3, 0.2), near=0.01)),
    "off centre": (cloud(60), look((1.6, -1.2, 0.9), cx=-20.0, cy=80.0)),
    "one pixel": (cloud(60), look((1.6, -1.2, 0.9), width=1, height=1)),
    "narrower than a tile": (cloud(60), look((1.6, -1.2, 0.9), width=31, height=15)),
    "wider than a tile": (cloud(60), look((1.6, -1.2, 0.9), width=33, height=17)),
    "several tiles": (cloud(60), look((1.6, -1.2, 0.9), width=131, height=67)),
    "wide angle": (cloud(80), look((0.7, -0.5, 0.4), fov=120)),
    "huge": (cloud(20, scale_0=np.full(20, 3, np.float32)), ORBIT),
    "one fills the picture": (cloud(1, **{f"scale_{i}": np.full(1, 4, np.float32) for i in range(3)}), ORBIT),
    "tiny": (cloud(80, **{f"scale_{i}": np.full(80, -12, np.float32) for i in range(3)}), ORBIT),
    "needles": (cloud(30, **NEEDLE), ORBIT),
    "flat": (cloud(40, scale_2=np.full(40, -np.inf, np.float32)), ORBIT),
    "opaque": (cloud(60, opacity=np.full(60, np.inf, np.float32)), ORBIT),
    "not there": (cloud(60, opacity=np.full(60, -np.inf, np.float32)), ORBIT),
    "many behind each other": (cloud(400, opacity=np.full(400, 3, np.float32)), ORBIT),
    "equal depths": (cloud(40, **{name: np.zeros(40, np.float32) for name in fields.POSITION}), ORBIT),
    "far from the origin": (
        cloud(60, x=_placed(5e5)(0), y=_placed(4e6)(1), z=_placed(300)(2)),
        look((5e5 + 1.6, 4e6 - 1.2, 300.9), (5e5, 4e6, 300)),
    ),
    "in float64": (
        cloud(
            60,
            **{name: np.random.default_rng(i).normal(7e8, 0.5, 60) for i, name in enumerate(fields.POSITION)},
        ),
        look((7e8 + 1.6, 7e8 - 1.2, 7e8 + 0.9), (7e8, 7e8, 7e8)),
    ),
    "positions not finite": (cloud(40, x=INFINITE), ORBIT),
    "scales not finite": (cloud(40, scale_1=INFINITE), ORBIT),
    "rotations not finite": (cloud(40, rot_2=INFINITE), ORBIT),
    "opacities not finite": (cloud(40, opacity=INFINITE), ORBIT),
    "unrotated": (cloud(20, **{f"rot_{i}": np.zeros(20, np.float32) for i in range(4)}), ORBIT),
    "antialiased": (
        cloud(
            120,
            comments=["SplatRenderMode: mip"],
            **{f"scale_{i}": np.full(120, -5, np.float32) for i in range(3)},
        ),
        ORBIT,
    ),
}
PARALLEL = look((1.6, -1.2, 0.9), parallel=True, fx=30.0, fy=33.0)
XRAYS: dict[str, tuple[GaussianCloud, Camera]] = {
    "cone beam": (cloud(80), ORBIT),
    "parallel beam": (cloud(80), PARALLEL),
    "needles": (cloud(30, **NEEDLE), ORBIT),
    "huge": (cloud(20, scale_0=np.full(20, 1, np.float32)), PARALLEL),
    "none": (cloud(0), ORBIT),
    "far from the origin": SCENES["far from the origin"],
    "several tiles": SCENES["several tiles"],
}


def as_splats(scene: GaussianCloud, *, xray: bool = False) -> Splats:
    return Splats.of(scene, "scene", xray=xray)


def legendre(degree: int, order: int, x: Array) -> Array:
    """The associated Legendre polynomial without the Condon-Shortley phase."""
    power = np.polynomial.Polynomial([-1, 0, 1]) ** degree
    derived = power.deriv(degree + order) if degree + order else power
    return (1 - x * x) ** (order / 2) * derived(x) / (2**degree * math.factorial(degree))


def harmonic(degree: int, order: int, way: Array) -> Array:
    """The real spherical harmonic of (N, 3) unit vectors, with the signs of 3DGS: (-1)^order."""
    x, y, z = way.T
    m = abs(order)
    scale = math.sqrt(
        (2 * degree + 1) / (4 * math.pi) * math.factorial(degree - m) / math.factorial(degree + m)
    )
    angle = np.arctan2(y, x)
    turn = math.sqrt(2) * (np.cos(m * angle) if order > 0 else np.sin(m * angle)) if m else 1.0
    return (-1) ** m * scale * legendre(degree, m, z) * turn


def brute(
    scene: GaussianCloud, camera: Camera, *, xray: bool = False, pixels: Array | None = None
) -> dict[str, Array]:
    """Every Gaussian over every pixel in float64, nearest first: colour, alpha and depth, or the X-ray.

    Args:
        pixels: (P, 2) columns and lines to do alone; the answers are (P, ...) then, and else (H, W, ...).
    """
    if pixels is None:
        grid = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
        found = brute(scene, camera, xray=xray, pixels=np.stack(grid, -1).reshape(-1, 2))
        return {n: v.reshape(camera.height, camera.width, *v.shape[1:]) for n, v in found.items()}
    with np.errstate(all="ignore"):
        middles, inverses, peaks, depths, good = _footprints(scene, camera, xray)
    order = np.flatnonzero(good)[np.argsort(depths[good], kind="stable")]
    middles, inverses, peaks, depths = (values[order] for values in (middles, inverses, peaks, depths))
    color = np.empty((0, 3)) if xray else _shades(scene, camera)[order]
    out: dict[str, list[Any]] = {"xray": []} if xray else {"color": [], "alpha": [], "depth": []}
    for pixel in pixels:
        du, dv = (pixel + 0.5 - middles).T
        a, b, c = inverses.T
        shade = peaks * np.exp(-(a * du * du + 2 * b * du * dv + c * dv * dv) / 2)
        if xray:
            out["xray"].append(shade[shade >= 1e-5].sum())
            continue
        alpha = np.where(shade >= 1 / 255, np.minimum(shade, 0.99), 0)
        after = np.cumprod(1 - alpha)
        count = int(np.searchsorted(-after, -1e-4))  # the first that would let no more than that through
        before = np.concatenate([[1.0], after[:-1]])
        weights = (before * alpha)[:count]
        opaque = 1 - (after[count - 1] if count else 1.0)
        out["color"].append(weights @ color[:count])
        out["alpha"].append(opaque)
        out["depth"].append(weights @ depths[:count] / opaque if opaque > 0 else 0.0)
    return {name: np.array(values) for name, values in out.items()}


def _footprints(scene: GaussianCloud, camera: Camera, xray: bool) -> tuple[Array, ...]:
    """(N, 2) middles, (N, 3) inverse covariances, (N,) peaks and depths, and which are drawn at all."""
    names = [*fields.POSITION, fields.OPACITY, *fields.SCALE, *fields.ROTATION]
    table = np.stack([scene[name].astype(np.float64) for name in names], 1)
    pose = np.asarray(camera.world_to_camera)
    seen = (table[:, :3] - camera.position) @ pose[:3, :3].T
    x, y, z = seen.T
    w, i, j, k = (table[:, 7:] / np.linalg.norm(table[:, 7:], axis=1, keepdims=True)).T
    matrix = np.array(
        [
            [1 - 2 * (j * j + k * k), 2 * (i * j - w * k), 2 * (i * k + w * j)],
            [2 * (i * j + w * k), 1 - 2 * (i * i + k * k), 2 * (j * k - w * i)],
            [2 * (i * k - w * j), 2 * (j * k + w * i), 1 - 2 * (i * i + j * j)],
        ]
    )
    axes = np.einsum("ab,bcn,nc->nac", pose[:3, :3], matrix, np.exp(table[:, 4:7]))
    zero, one = np.zeros_like(x), np.ones_like(x)
    if camera.parallel:
        middles = np.stack([camera.fx * x + camera.cx, camera.fy * y + camera.cy], 1)
        rows = [[camera.fx * one, zero, zero], [zero, camera.fy * one, zero], [zero, zero, one]]
    else:
        middles = np.stack([camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy], 1)
        size = np.array([camera.width, camera.height])
        lens, centre = np.array([camera.fx, camera.fy]), np.array([camera.cx, camera.cy])
        px, py = np.clip(
            seen[:, :2] / z[:, None], (-0.15 * size - centre) / lens, (1.15 * size - centre) / lens
        ).T
        ray = np.stack([px, py, one]) / np.sqrt(px * px + py * py + 1)
        rows = [
            [camera.fx / z, zero, -camera.fx * px / z],
            [zero, camera.fy / z, -camera.fy * py / z],
            list(ray),
        ]
    lying = np.einsum("abn,nbc->nac", np.array(rows), axes)  # across and down the picture, and along the ray
    flat = lying[:, :2]
    covariance = flat @ flat.transpose(0, 2, 1)
    area = (np.cross(flat[:, 0], flat[:, 1]) ** 2).sum(1)
    peaks = fields.sigmoid(table[:, 3])
    if xray:  # sqrt(2 pi det3 / det2)
        determinants = area
        peaks = peaks * math.sqrt(2 * math.pi) * np.abs(np.linalg.det(lying)) / np.sqrt(area)
    else:
        determinants = area + 0.3 * np.trace(covariance, axis1=1, axis2=2) + 0.09
        covariance = covariance + 0.3 * np.eye(2)
        if "SplatRenderMode: mip" in scene.header.comments:
            peaks = peaks * np.sqrt(np.maximum(area / determinants, 2.5e-5))
    (a, b), (_, c) = covariance[:, 0].T, covariance[:, 1].T
    inverses = np.stack([c, -b, a], 1) / determinants[:, None]
    depths = z.astype(np.float32).astype(np.float64)
    good = (depths > camera.near) & np.isfinite(depths) & np.isfinite(peaks) & np.isfinite(middles).all(1)
    return middles, inverses, peaks, depths, good & np.isfinite(inverses).all(1)


def _shades(scene: GaussianCloud, camera: Camera) -> Array:
    """(N, 3) the colours of Gaussians from where the camera is."""
    degree = fields.sh_degree(scene.fields)
    assert degree is not None
    ways = scene.xyz.astype(np.float64) - camera.position
    with np.errstate(all="ignore"):
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        basis = [harmonic(d, m, ways) for d in range(degree + 1) for m in range(-d, d + 1)]
    rest = fields.sh_rest(degree)
    out = np.empty((len(scene), 3))
    for channel, name in enumerate(fields.SH_DC):
        names = [name, *rest[channel * (len(basis) - 1) : (channel + 1) * (len(basis) - 1)]]
        out[:, channel] = 0.5 + sum(
            scene[n].astype(np.float64) * b for n, b in zip(names, basis, strict=True)
        )
    return np.maximum(out, 0)


def psnr(found: Array, wanted: Array) -> float:
    """In dB of the range of what is wanted, at least 1."""
    error = np.mean((found.astype(np.float64) - wanted) ** 2) if wanted.size else 0.0
    top = max(1.0, float(np.abs(wanted).max())) if wanted.size else 1.0
    return math.inf if error == 0 else 10 * math.log10(top * top / error)
