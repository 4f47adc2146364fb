"""Compiled kernels: the engine for CPUs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core, fields
from ..cameras import Camera
from ..errors import EngineUnavailable, UsageError
from ..kernels import splat_records, splatting
from ..splats import Splats
from ._rasterizer import Picture, Rasterizer, require_pinhole, require_sharing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

    from ._rasterizer import Image, Shares, Weights


class Drawable:
    """Splats, and where compiled kernels find what they need of them."""

    def __init__(self, splats: Splats, *, device: torch.device | None = None) -> None:
        if device is not None and device.type != "cpu":
            raise UsageError(
                f"the core rasterizer runs on the CPU only, not on {device}", remedy="choose `device='cpu'`"
            )
        if found := _core.trouble():
            raise EngineUnavailable(
                f"the core rasterizer's compiled kernels {found.what}", remedy=found.remedy
            )
        self._splats = splats
        self._columns = _columns(splats)
        self._rooms: list[splatting.Room] | None = None  # those in which nothing is drawn, if they are kept

    def draw(self, camera: Camera, *, depth: bool = False) -> Picture:
        """What a camera sees; see `gscli.rasterizers.Drawable`."""
        splats = self._splats
        with self._room() as room:
            drawn = splatting.draw(
                splats.rows, self._columns, self._view(camera), room, depth=depth and not splats.xray
            )
        if splats.xray:
            return Picture(xray=drawn.alpha)
        color = None if splats.degree is None else drawn.color
        return Picture(color, drawn.alpha, drawn.depth if depth else None)

    def weigh(self, camera: Camera) -> tuple[Picture, Weights]:
        """What a camera sees, and what each splat fills of it; see `gscli.rasterizers.Drawable`."""
        require_sharing(self._splats)
        with self._room() as room:
            drawn, weights = splatting.weigh(self._splats.rows, self._columns, self._view(camera), room)
        return Picture(drawn.color, drawn.alpha), weights

    def share(self, camera: Camera, image: Callable[[Picture], Image]) -> tuple[Picture, Shares]:
        """What a camera sees, and an image shared out among splats; see `gscli.rasterizers.Drawable`."""
        require_sharing(self._splats)
        with self._room() as room:
            drawn, shares = splatting.share(
                self._splats.rows,
                self._columns,
                self._view(camera),
                room,
                lambda drawn: image(Picture(drawn.color, drawn.alpha)),
            )
        return Picture(drawn.color, drawn.alpha), shares

    def keep_room(self) -> None:
        """Keep what a view is drawn in; see `gscli.rasterizers.Drawable`."""
        self._rooms = []

    @contextmanager
    def _room(self) -> Iterator[splatting.Room]:
        """A room that is free, for a view; one for each thread that draws at a time."""
        if self._rooms is None:
            yield splatting.Room()
            return
        try:
            room = self._rooms.pop()
        except IndexError:
            room = splatting.Room(splatting.KEPT_PAIRS)
        yield room
        self._rooms.append(room)

    def _view(self, camera: Camera) -> splatting.Array:
        """A camera as `splat_records.VIEW`."""
        splats = self._splats
        require_pinhole(camera, splats)
        view = np.zeros(1, splat_records.VIEW)
        view["position"], view["rotation"] = camera.position, camera.world_to_camera[:3, :3]
        for name in ("fx", "fy", "cx", "cy", "near", "width", "height", "parallel"):
            view[name] = getattr(camera, name)
        view["antialiased"], view["xray"] = splats.antialiased, splats.xray
        return view


def _columns(splats: Splats) -> splatting.Array:
    """Where in a row of splats is what, as `splat_records.COLUMNS`."""
    kind, found = splats.rows.dtype, np.zeros(1, splat_records.COLUMNS)
    described: Any = kind.fields

    def offsets(*names: str) -> list[int]:
        return [described[name][1] for name in names]

    found["stride"], found["raw"], found["degree"] = kind.itemsize, splats.raw, splats.degree or 0
    found["wide"] = kind[fields.POSITION[0]].itemsize == 8
    found["position"], found["opacity"] = offsets(*fields.POSITION), offsets(fields.OPACITY)
    found["scales"], found["rotation"] = offsets(*fields.SCALE), offsets(*fields.ROTATION)
    if splats.degree is not None:
        rest = offsets(*fields.sh_rest(splats.degree))
        found["color"] = offsets(*fields.SH_DC)
        found["harmonics"][:, : len(rest)] = rest
    return found


RASTERIZER = Rasterizer("core", "compiled kernels on all CPU cores", Drawable)
