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
    "many behind each other": (cloud(700, opacity=np.full(700, 3, np.float32)), ORBIT),
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


def brute(scene: GaussianCloud, camera: Camera, *, xray: bool = False) -> dict[str, Array]:
    """Every Gaussian over every pixel in float64, nearest first: colour, alpha and depth, or the X-ray."""
    pose = np.asarray(camera.world_to_camera)
    names = [*fields.POSITION, fields.OPACITY, *fields.SCALE, *fields.ROTATION]
    table = np.stack([scene[name].astype(np.float64) for name in names], 1)
    away = table[:, :3] - camera.position
    with np.errstate(all="ignore"):
        seen = away @ pose[:3, :3].T
        depths = seen[:, 2].astype(np.float32).astype(np.float64)
        opacities = fields.sigmoid(table[:, 3])
        scales = np.exp(table[:, 4:7])
    order = np.argsort(depths, kind="stable")
    across, down = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    color, through = np.zeros((camera.height, camera.width, 3)), np.ones((camera.height, camera.width))
    depth, total = np.zeros_like(through), np.zeros_like(through)
    open_pixels = np.ones_like(through, bool)
    for row in order:
        if not np.isfinite(depths[row]) or depths[row] <= camera.near or np.isnan(opacities[row]):
            continue
        with np.errstate(all="ignore"):
            found = _footprint(camera, seen[row], pose[:3, :3], table[row, 7:], scales[row], xray)
        if found is None:
            continue
        middle, covariance, thin = found
        du, dv = across - middle[0], down - middle[1]
        inverse = np.linalg.inv(covariance)
        power = inverse[0, 0] * du * du + 2 * inverse[0, 1] * du * dv + inverse[1, 1] * dv * dv
        if xray:
            shade = opacities[row] * thin * np.exp(-power / 2)
            total += np.where(shade >= 1e-5, shade, 0)
            continue
        told = "SplatRenderMode: mip" in scene.header.comments
        alpha = opacities[row] * (thin if told else 1.0) * np.exp(-power / 2)
        alpha = np.where(alpha >= 1 / 255, np.minimum(alpha, 0.99), 0)
        after = through * (1 - alpha)
        open_pixels &= after > 1e-4
        weight = np.where(open_pixels, through * alpha, 0)
        color += weight[..., None] * _shade(scene, row, away[row])
        depth += weight * depths[row]
        through = np.where(open_pixels, after, through)
    with np.errstate(all="ignore"):
        deep = np.where(through < 1, depth / (1 - through), 0)
    return {"xray": total} if xray else {"color": color, "alpha": 1 - through, "depth": deep}


def _footprint(camera: Camera, seen: Array, turn: Array, rotation: Array, scales: Array, xray: bool) -> Any:
    """The middle of a Gaussian in the picture, its covariance there, and what thins it out."""
    x, y, z = seen
    if not (np.isfinite(rotation).all() and rotation.any() and np.isfinite(scales).all()):
        return None
    w, i, j, k = rotation / np.linalg.norm(rotation)
    matrix = np.array(
        [
            [1 - 2 * (j * j + k * k), 2 * (i * j - w * k), 2 * (i * k + w * j)],
            [2 * (i * j + w * k), 1 - 2 * (i * i + k * k), 2 * (j * k - w * i)],
            [2 * (i * k - w * j), 2 * (j * k + w * i), 1 - 2 * (i * i + j * j)],
        ]
    )
    axes = turn @ matrix * scales
    if camera.parallel:
        middle = camera.fx * x + camera.cx, camera.fy * y + camera.cy
        jacobian = np.array([[camera.fx, 0, 0], [0, camera.fy, 0]])
        ray = np.array([0.0, 0, 1])
    else:
        middle = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
        px = np.clip(
            x / z,
            (-0.15 * camera.width - camera.cx) / camera.fx,
            (1.15 * camera.width - camera.cx) / camera.fx,
        )
        py = np.clip(
            y / z,
            (-0.15 * camera.height - camera.cy) / camera.fy,
            (1.15 * camera.height - camera.cy) / camera.fy,
        )
        jacobian = np.array([[camera.fx, 0, -camera.fx * px], [0, camera.fy, -camera.fy * py]]) / z
        ray = np.array([px, py, 1]) / math.sqrt(px * px + py * py + 1)
    if not np.isfinite(middle).all():
        return None
    flat = jacobian @ axes  # (2, 3): its Gram matrix is the covariance
    covariance = flat @ flat.T
    area = np.sum(np.cross(flat[0], flat[1]) ** 2)
    if xray:
        # sqrt(2 pi det3 / det2) where rays are the third axis: the determinant of what maps axes to rays
        whole = np.linalg.det(np.vstack([flat, ray @ axes]))
        return middle, covariance, math.sqrt(2 * math.pi) * abs(whole) / math.sqrt(area)
    low = covariance + 0.3 * np.eye(2)
    filtered = area + 0.3 * np.trace(covariance) + 0.09
    return (middle, low, math.sqrt(max(area / filtered, 2.5e-5))) if np.isfinite(filtered) else None


def _shade(scene: GaussianCloud, row: int, away: Array) -> Array:
    """The colour of a Gaussian from where the camera is."""
    degree = fields.sh_degree(scene.fields)
    assert degree is not None
    way = away[None] / np.linalg.norm(away)
    basis = [harmonic(d, m, way)[0] for d in range(degree + 1) for m in range(-d, d + 1)]
    count = len(basis)
    out = np.empty(3)
    for channel in range(3):
        found = [scene[fields.SH_DC[channel]][row]]
        found += [scene[f"f_rest_{channel * (count - 1) + i}"][row] for i in range(count - 1)]
        out[channel] = max(0.0, 0.5 + float(np.dot(basis, np.asarray(found, np.float64))))
    return out


def psnr(found: Array, wanted: Array) -> float:
    """In dB of the range of what is wanted, at least 1."""
    error = np.mean((found.astype(np.float64) - wanted) ** 2) if wanted.size else 0.0
    top = max(1.0, float(np.abs(wanted).max())) if wanted.size else 1.0
    return math.inf if error == 0 else 10 * math.log10(top * top / error)
