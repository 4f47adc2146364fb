"""Thin 3D Gaussian Splatting scenes and point clouds without regard to density, and compare them.

Public names resolve on first use (PEP 562), so that ``import gscli`` imports nothing heavy. Each command
is a function of the module named after it: ``from gscli.resample import resample``.
"""

from __future__ import annotations

from importlib import import_module

from .version import __version__

_PUBLIC = {
    "GaussianCloud": "cloud",
    "GscliError": "errors",
    "read": "formats",
    "write": "formats",
    "VoxelGrid": "grids.voxel_grid",
}
__all__ = ["__version__", *_PUBLIC]

TYPE_CHECKING = False  # "python -m gscli" would take a typing.py of the current folder for typing
if TYPE_CHECKING:
    from typing import Any

    from .cloud import GaussianCloud as GaussianCloud
    from .errors import GscliError as GscliError
    from .formats import read as read
    from .formats import write as write
    from .grids.voxel_grid import VoxelGrid as VoxelGrid


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
