"""A camera: where it stands, what it looks at and how large its picture is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..results.shown import shown

Array = npt.NDArray[np.float64]

LARGEST = 16_383  # pixels a side: what a WebP holds
NEAR = 0.2  # of Kerbl et al. (2023), in scene units


@shown
@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole, or the parallel beam of an X-ray.

    Attributes:
        name: what reports and messages call it.
        world_to_camera: (4, 4) float64, a rotation and a translation; x right, y down, z forward.
        fx, fy, cx, cy: focal lengths and principal point in pixels, whose centres are at .5. Of a parallel
            beam fx and fy are pixels for each scene unit.
        width, height: pixels.
        near: what is no farther is not drawn, in scene units.
        parallel: whether rays are parallel.

    Raises:
        UsageError: a pose that is no rotation, or numbers that make no picture.
    """

    name: str
    world_to_camera: Array
    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    near: float = NEAR
    parallel: bool = False

    def __post_init__(self) -> None:
        pose = np.asarray(self.world_to_camera, np.float64)
        object.__setattr__(self, "world_to_camera", pose)
        for what in ("width", "height"):
            if not 1 <= getattr(self, what) <= LARGEST:
                raise self._wrong(f"a {what} of {getattr(self, what)} pixels, not 1 to {LARGEST:,}")
        if not (0 < self.fx < np.inf and 0 < self.fy < np.inf):
            raise self._wrong("a focal length that is not positive")
        if not (np.isfinite((self.cx, self.cy)).all() and 0 <= self.near < np.inf):
            raise self._wrong("numbers that are not finite")
        if pose.shape != (4, 4) or not np.isfinite(pose).all():
            raise self._wrong("a pose that is not 4 x 4 finite numbers")
        if not is_rotation(pose[:3, :3]):
            raise self._wrong("a pose that is no rotation")

    def _wrong(self, what: str) -> UsageError:
        return UsageError(f"camera {self.name} has {what}")

    @property
    def position(self) -> Array:
        """(3,) where it stands."""
        pose = self.world_to_camera
        return -applied(pose[:3, :3].T, pose[:3, 3])

    def resized(self, width: int, height: int) -> Camera:
        """The same view in a picture of another size."""
        x, y = width / self.width, height / self.height
        lens = {"fx": self.fx * x, "fy": self.fy * y, "cx": self.cx * x, "cy": self.cy * y}
        changed: Any = {"width": width, "height": height, **lens}
        return replace(self, **changed)

    def to_dict(self) -> dict[str, Any]:
        """All of it in JSON's own types, as `from_dict` takes it."""
        return {**asdict(self), "world_to_camera": self.world_to_camera.tolist()}

    @classmethod
    def from_dict(cls, said: dict[str, Any]) -> Camera:
        """The camera that `to_dict` told of.

        Raises:
            UsageError: it is none. TypeError: it has other names.
        """
        return cls(**{**said, "world_to_camera": np.array(said["world_to_camera"], np.float64)})

    def _facts(self) -> dict[str, object]:
        where = ", ".join(f"{x:.4g}" for x in self.position)
        return {"name": self.name, "position": where, "size": f"{self.width} x {self.height}"}


def is_rotation(matrix: Array) -> bool:
    """Whether a (3, 3) matrix is one, to the few digits that files have."""
    return np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-3) and bool(np.linalg.det(matrix) > 0)


def applied(matrix: Array, vector: Array) -> Array:
    """A (3, 3) matrix times (3,) or (N, 3) vectors, in one order of sums everywhere, unlike BLAS."""
    x, y, z = (vector[..., i, None] * matrix[:, i] for i in range(3))
    found: Array = x + y + z
    return found


def digest(cameras: Sequence[Camera]) -> str:
    """SHA-256 of everything that decides pixels, names excluded; the same on every machine."""
    found = hashlib.sha256()
    for camera in cameras:
        numbers = (camera.fx, camera.fy, camera.cx, camera.cy, camera.near)
        found.update(camera.world_to_camera.astype("<f8").tobytes())
        found.update(np.array(numbers, "<f8").tobytes())
        found.update(np.array((camera.width, camera.height, camera.parallel), "<i8").tobytes())
    return found.hexdigest()
