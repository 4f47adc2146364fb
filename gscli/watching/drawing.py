"""Models of a training drawn from cameras that stay where they are, so that curves can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import rasterizers, scene
from ..arguments import span
from ..cameras import Camera, digest
from ..cloud import GaussianCloud
from ..errors import InputError
from ..rendering.views import Wanted, find, of_file, wanted
from ..splats import Splats
from . import disagreement
from .disagreement import RENDERS

if TYPE_CHECKING:
    import torch

VIEWS, SIZE = 4, (400, 400)


def asked(
    views: int | None = None,
    size: Any = None,
    cameras: Any = None,
    up: str | None = None,
    fov: float | None = None,
    near: float | None = None,
) -> Wanted:
    """Views as `gscli.rendering.views.wanted` takes them; 4 of 400 x 400 where nothing is said.

    Raises:
        UsageError: as it does.
    """
    if cameras is None:
        views, size = VIEWS if views is None else views, SIZE if size is None else size
    return wanted(views, size, cameras, None, up, fov, near)


@dataclass
class Settled:
    """What is the same at every step, so that curves can be read.

    Attributes:
        cameras: from where models are drawn; empty before there are any.
        data_range: what X-rays span; None before it is known, and for colours.
    """

    cameras: tuple[Camera, ...] = ()
    data_range: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """All of it in JSON's own types, as `from_dict` takes it."""
        return {"cameras": [camera.to_dict() for camera in self.cameras], "data_range": self.data_range}

    @classmethod
    def from_dict(cls, said: dict[str, Any]) -> Settled:
        """What `to_dict` told of.

        Raises:
            UsageError, KeyError, TypeError: it is something else.
        """
        data_range = None if said["data_range"] is None else span(said["data_range"], "data_range")
        return cls(tuple(Camera.from_dict(camera) for camera in said["cameras"]), data_range)


class Drawing:
    """Draws two models, and says how alike the pictures are in the convention of trainers.

    Args:
        asked: from where. An orbit goes around the first model that is drawn, or around what is given then.
        rasterizer: one of `gscli.rasterizers.RASTERIZERS`, or ``auto``.
        where: to draw, as of `gscli.device.resolve`.
        data_range: what X-rays span; None for the largest value of the first two that are drawn.
        before: what an earlier drawing settled, to go on from there.

    Attributes:
        settled: what stays the same from what was drawn first.

    Raises:
        InputError: a file of cameras that cannot be read. EngineUnavailable: the engine cannot run here.
    """

    def __init__(
        self,
        asked: Wanted,
        rasterizer: str = "auto",
        *,
        where: torch.device | None = None,
        data_range: float | None = None,
        before: Settled | None = None,
    ) -> None:
        self._asked = asked
        self._rasterizer = rasterizer
        self.move(where)
        self._said = None if data_range is None else span(data_range, "data_range")
        cameras = tuple(of_file(asked)) if asked.path is not None else ()
        self.settled = before or Settled(cameras, self._said)

    def move(self, where: torch.device | None) -> None:
        """Draw there from now on.

        Raises:
            UsageError, EngineUnavailable: the engine cannot run there.
        """
        self._engine = rasterizers.chosen(self._rasterizer, where)
        self._engine.prepare(Splats(np.empty(0, scene.columns(0)), 0))

    @property
    def only_cpu(self) -> str:
        """Why the CPU draws, if it has to; see `gscli.rasterizers.Chosen`."""
        return self._engine.only_cpu(self._rasterizer)

    @property
    def views(self) -> int:
        """From how many cameras a model is drawn."""
        return len(self.settled.cameras) or self._asked.count or 1

    @property
    def sha256(self) -> str | None:
        """Of what decides pixels; None before there are cameras."""
        return digest(self.settled.cameras) if self.settled.cameras else None

    def renders(
        self,
        a: GaussianCloud,
        b: GaussianCloud,
        names: tuple[str, str],
        *,
        around: GaussianCloud | None = None,
        tag: str = RENDERS,
    ) -> dict[str, float]:
        """How alike two models look.

        Args:
            a, b: the models; names: what messages call them.
            around: what cameras look at, where there are none yet; None is `a`.
            tag: what the names of the scalars begin with.

        Returns:
            ``TAG_psnr_diff`` and ``TAG_ssim_diff``, each the mean over views of what
            `disagreement.renders` says.

        Raises:
            InputError: a model that is no 3D Gaussians, colours against densities, or nothing that is seen.
        """
        splats = [Splats.of(cloud, name) for cloud, name in zip((a, b), names, strict=True)]
        splats[0].require_kind_of(splats[1], names)
        xray = splats[0].xray
        splats[0].require_range(self._said)
        settled = self.settled
        if not settled.cameras:
            settled.cameras = find(self._asked, a if around is None else around, names[0]).cameras
        scenes = [self._engine.prepare(each) for each in splats]
        if xray and settled.data_range is None:
            settled.data_range = _largest(scenes, settled.cameras) or None
        found, seen = [], False
        for camera in settled.cameras:
            pictures = [each.draw(camera) for each in scenes]
            seen |= any(picture.solid.any() for picture in pictures)
            images = [picture.seen if xray else picture.seen.clip(0, 1) for picture in pictures]
            found.append(disagreement.renders(*images, data_range=settled.data_range if xray else None))
        if not seen:
            raise InputError("is not seen from any camera, nor is what it is held against", path=names[0])
        return {
            f"{tag}{name.removeprefix(RENDERS)}": fmean(each[name] for each in found) for name in found[0]
        }


def _largest(scenes: Sequence[rasterizers.Drawable], cameras: Sequence[Camera]) -> float:
    return max(float(each.draw(camera).seen.max()) for each in scenes for camera in cameras)
