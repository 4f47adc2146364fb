"""Thin 3D Gaussian Splatting scenes and point clouds without regard to density, and compare them.

Public names resolve on first use (PEP 562), so that ``import gscli`` imports nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "GaussianCloud": "cloud",
    "GscliError": "errors",
    "read": "formats",
    "write": "formats",
    "VoxelGrid": "grid",
    "resample": "resample",
    "describe": "info",
}
__all__ = ["__version__", *_PUBLIC]

if TYPE_CHECKING:
    from .cloud import GaussianCloud
    from .errors import GscliError
    from .formats import read, write
    from .grid import VoxelGrid
    from .info import describe
    from .resample import resample


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
