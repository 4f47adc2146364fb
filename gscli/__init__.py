"""Thin 3D Gaussian Splatting scenes and point clouds density-invariantly, and compare them.

>>> import gscli
>>> half = gscli.resample("scene.ply", "half.ply", seed=1)  # doctest: +SKIP

A scene is a path, or in memory: a cloud, an (N, 3) array or tensor, a structured array, or a table of
columns by name (a mapping or a data frame). Without a path to write to, what is made stays in memory, too,
and is what would be read of the file:

>>> points = gscli.GaussianCloud.from_columns(x=[0.1, 0.2, 5], y=[0, 0, 0], z=[0, 0, 1], label=[7, 8, 9])
>>> one = gscli.resample(points, method="one-per-grid", voxel_size=1)
>>> one.cloud, one.outputs[0].rows
(<GaussianCloud: 2 rows, 4 columns (ply)>, array([0, 2]))

Each command is a function of its name; `gscli.training` is for use inside a training loop. Everything
resolves on first use (PEP 562), so that ``import gscli`` imports nothing heavy.

A command's function lives in a module of the same name: ``from gscli.resample import resample`` gives the
same function, as does ``import gscli.resample as f``; the module is ``sys.modules["gscli.resample"]``.
"""

from __future__ import annotations

import sys
from importlib import import_module

from .version import __version__

_PUBLIC = {
    "GaussianCloud": "cloud",
    "GscliError": "errors",
    "read": "formats",
    "write": "formats",
    "VoxelGrid": "grids.voxel_grid",
}
_TOOLS = (
    "align",
    "compare",
    "convert",
    "coprune",
    "edit",
    "info",
    "lod",
    "render",
    "resample",
    "simplify",
    "verify",
    "view",
    "watch",
)
_ROOMS = ("formats", "neighbors", "training")
__all__ = ["__version__", *_PUBLIC, *_TOOLS, *_ROOMS]

TYPE_CHECKING = False  # "python -m gscli" would take a typing.py of the current folder for typing
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from . import formats as formats
    from . import neighbors as neighbors
    from . import training as training
    from .align import align as align
    from .cloud import GaussianCloud as GaussianCloud
    from .compare import compare as compare
    from .convert import convert as convert
    from .coprune import coprune as coprune
    from .edit import edit as edit
    from .errors import GscliError as GscliError
    from .formats import read as read
    from .formats import write as write
    from .grids.voxel_grid import VoxelGrid as VoxelGrid
    from .info import info as info
    from .lod import lod as lod
    from .render import render as render
    from .resample import resample as resample
    from .simplify import simplify as simplify
    from .verify import verify as verify
    from .view import view as view
    from .watch import watch as watch
else:
    ModuleType = type(sys)


class _Package(ModuleType):
    """Python binds each submodule that it imports to its package; here a tool's name means its function."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _TOOLS and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    if name in _TOOLS:
        return getattr(import_module(f".{name}", __name__), name)
    if name in _PUBLIC:
        return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
