"""The cameras that a scene is seen from: asked for, checked, and said again in every report."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import arguments
from ..cameras import FOV, LARGEST, Camera, digest, front, orbit, upright
from ..cameras import files as camera_files
from ..cameras.orbit import stride
from ..cloud import GaussianCloud
from ..errors import InputError, UsageError, naming
from ..files import upwards
from ..splats import Splats

VIEWS = 12
SIZE = (800, 800)
NARROWEST, WIDEST = 0.1, 170.0  # degrees; from farther off float32 depths no longer say what is in front
MOST = 10_000  # views


@dataclass(frozen=True)
class Wanted:
    """Which views are asked for; None where nothing was said.

    Attributes:
        count: how many, of an orbit.
        size: width and height; no height keeps the proportions of a camera file, and is a square else.
        path: a file or folder of cameras. chosen: the name or number of one of them.
        up: one of `gscli.files.upwards.NAMES`. fov: degrees of the narrower side. near: in scene units.
    """

    count: int | None = None
    size: tuple[int, int | None] | None = None
    path: str | None = None
    chosen: str | None = None
    up: str | None = None
    fov: float | None = None
    near: float | None = None


@dataclass(frozen=True)
class Views:
    """Cameras, and how they were found.

    Attributes:
        sha256: of what decides pixels: two numbers can be held against each other only where it is one.
        up: which way is up, and how that is known; None where a file says where cameras are.
    """

    cameras: tuple[Camera, ...]
    sha256: str
    up: upright.Up | None
    asked: Wanted

    @property
    def told(self) -> str:
        """For people: which way is up."""
        return "" if self.up is None else f"{self.up.way} is up, {self.up.why}"

    def require_for(self, splats: Splats) -> None:
        """Refuse cameras that these cannot be seen from.

        Raises:
            InputError: the parallel beam of an X-ray, for colours.
        """
        beams = [camera.name for camera in self.cameras if camera.parallel]
        if beams and not splats.xray:
            what = f"has a parallel beam, {beams[0]}, which only X-rays are drawn with"
            raise InputError(what, path=self.asked.path, remedy="give pinholes")

    def to_dict(self) -> dict[str, Any]:
        """The options of a JSON document, after defaults; null is what a file of cameras says.

        ``near`` is null too where it is the share of each camera's distance that an orbit has.
        """
        sizes = {(camera.width, camera.height) for camera in self.cameras}
        of_file = self.up is None
        return {
            "views": len(self.cameras),
            "size": list(next(iter(sizes))) if len(sizes) == 1 else None,
            "cameras": self.asked.path,
            "camera": self.asked.chosen,
            "up": None if self.up is None else self.up.way,
            "fov": None if of_file else self.asked.fov or FOV,
            "near": self.asked.near,
        }


def wanted(
    views: int | None = None,
    size: str | Sequence[int] | int | None = None,
    cameras: str | os.PathLike[str] | None = None,
    camera: str | int | None = None,
    up: str | None = None,
    fov: float | None = None,
    near: float | None = None,
) -> Wanted:
    """Views as options give them, checked before any scene is read.

    Raises:
        UsageError: one that cannot be honoured, or that has no effect beside another.
    """
    arguments.require_paths(optional=True, cameras=cameras)
    for name, value in (("views", views), ("up", up), ("fov", fov)):
        if cameras is not None and value is not None:
            raise UsageError(f"`{name}` has no effect with `cameras`", remedy="drop one")
    if camera is not None and cameras is None:
        raise UsageError("`camera` has no effect without `cameras`", remedy="drop it")
    if views is not None and (not arguments.is_whole(views) or not 1 <= views <= MOST):
        raise UsageError(f"`views` must be a whole number from 1 to {MOST:,}, not {arguments.told(views)}")
    if up is not None:
        upwards.require(up)
    if fov is not None and not (arguments.is_number(fov) and NARROWEST <= fov <= WIDEST):
        span = f"{NARROWEST:g} to {WIDEST:g}"
        raise UsageError(f"`fov` must be degrees, {span}, not {arguments.told(fov)}")
    if near is not None and not (arguments.is_number(near) and 0 <= near < math.inf):
        raise UsageError(f"`near` must be a number from 0, not {arguments.told(near)}")
    path = None if cameras is None else os.fspath(cameras)
    return Wanted(views, _size(size), path, None if camera is None else str(camera), up, fov, near)


def refuse_unless(render: bool, **given: Any) -> None:
    """Refuse options of renders, by their names, where nothing is rendered; None was not given.

    Raises:
        UsageError: see above.
    """
    for name, value in given.items():
        if value is not None and not render:
            raise UsageError(f"`{name}` has no effect without `render`", remedy="add `render=True`")


def _size(given: Any) -> tuple[int, int | None] | None:
    if given is None:
        return None
    sides: list[Any] = [given] if isinstance(given, int) else []
    if isinstance(given, str):
        spelt = re.fullmatch(r"(\d{1,6})(?:[xX](\d{1,6}))?", given, re.ASCII)
        sides = [int(side) for side in spelt.groups() if side] if spelt else []
    elif isinstance(given, (tuple, list)):
        sides = list(given)
    if len(sides) not in (1, 2) or not all(
        arguments.is_whole(side) and 1 <= side <= LARGEST for side in sides
    ):
        what = f"`size` must be WIDTHxHEIGHT in pixels, 1 to {LARGEST:,} each, not {arguments.told(given)}"
        raise UsageError(what, remedy="write it like 1280x720")
    return sides[0], sides[1] if len(sides) == 2 else None


def unseen(blind: int, count: int) -> list[str]:
    """The note, if any, on so many of the cameras seeing nothing at all."""
    which = "nothing is" if blind == count else f"from {blind:,} of {count:,} cameras nothing is"
    return [f"{which} seen: they look elsewhere, or all is too near"] if blind else []


def find(asked: Wanted, scene: GaussianCloud, name: str, *, single: bool = False) -> Views:
    """The cameras for a scene.

    Args:
        asked: what is asked for.
        scene: that an orbit goes around; of a pair, the reference. name: what messages call it.
        single: one picture is wanted, where nothing is said of how many.

    Raises:
        InputError: a camera file that cannot be used, or a scene without a position.
    """
    found, direction = [], None
    if asked.path is not None:
        found = of_file(asked)
    else:
        width, height = asked.size or SIZE
        size, fov = (width, height or width), asked.fov or FOV
        with naming(name):
            direction = upright.up(scene, asked.up or upwards.AUTO)
            xyz = scene[stride(len(scene))].xyz
            if single and asked.count is None:
                found = [front(xyz, *size, up=direction.vector, fov=fov)]
            else:
                found = orbit(xyz, asked.count or VIEWS, *size, up=direction.vector, fov=fov)
    if asked.near is not None:
        found = [replace(camera, near=float(asked.near)) for camera in found]
    return Views(tuple(found), digest(found), direction, asked)


def of_file(asked: Wanted) -> list[Camera]:
    """The cameras of a file, as asked for; errors as of `find`."""
    assert asked.path is not None
    found = camera_files.read(asked.path)
    if asked.chosen is not None:
        found = [_chosen(found, asked.chosen, asked.path)]
    if asked.size is None:
        return found
    width, height = asked.size
    with naming(asked.path):
        return [
            camera.resized(width, height or max(1, round(camera.height * width / camera.width)))
            for camera in found
        ]


def _chosen(found: Sequence[Camera], word: str, path: str) -> Camera:
    """The camera of a name, or of a number from 0 on."""
    names = [camera.name for camera in found]
    if word in names:
        return found[names.index(word)]
    if word.isdecimal() and len(word) < 10 and int(word) < len(found):
        return found[int(word)]
    some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    remedy = f"give a number below {len(found):,}, or a name: {some}"
    raise UsageError(f"has no camera {word}", path=path, remedy=remedy)
