"""What works on this machine: devices, engines, formats and extras, and how to get the rest."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module, metadata

import numpy as np

from . import _core, device, neighbors, placing, scene
from .errors import DISTRIBUTIONS, GscliError, installing
from .formats import FORMATS
from .grids import cache
from .kernels import parallel
from .rasterizers import RASTERIZERS
from .runtime import libraries
from .splats import Splats
from .version import __version__

EXTRAS = {
    "torch": (("torch",), "--device torch-cpu and cuda, gscli.training"),
    "faiss": (("faiss",), "compare --engine faiss"),
    "formats": (("laspy", "lazrs", "laszip"), "LAS and LAZ; see `gscli formats`"),
    "usd": (("pxr",), "OpenUSD"),
    "e57": (("pye57",), "E57"),
    "ply": (("plyfile",), "PLY whose vertices hold lists"),
    "cluster": (("distributed",), "batch --scheduler"),
}


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        kind: ``system``, ``device``, ``engine``, ``rasterizer``, ``format``, ``extra`` or ``cache``.
        works: whether it can be used here.
        detail: a version, a place, or what is wrong.
        remedy: how to get it, or the rest of it; empty if nothing is missing.
    """

    kind: str
    name: str
    works: bool
    detail: str = ""
    remedy: str = ""


def examine() -> list[Finding]:
    """Try everything that may be missing; imports torch if it is there."""
    return [*_system(), *_devices(), *_engines(), *_rasterizers(), *_formats(), *_extras(), *_cache()]


def _system() -> Iterator[Finding]:
    yield Finding("system", "gscli", True, __version__)
    yield Finding(
        "system", "python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    )
    yield Finding("system", "numpy", True, np.__version__)
    yield _kernels()
    yield Finding("system", "threads", True, f"{parallel.threads()} (GSCLI_THREADS overrides)")


def _kernels() -> Finding:
    if found := _core.trouble():
        slower = f"{found.what}: gscli takes longer, with the same results, and does not render"
        return Finding("system", "compiled kernels", False, slower, found.remedy)
    return Finding("system", "compiled kernels", True, _core.instructions())


def _devices() -> Iterator[Finding]:
    for name in device.NAMES:
        try:
            found = device.resolve(name)
            if name == device.AUTO:
                yield Finding("device", name, True, placing.prospect())
                continue
            yield Finding("device", name, True, device.describe(found))
        except GscliError as error:
            yield Finding("device", name, False, error.what, error.remedy or "")


def _engines() -> Iterator[Finding]:
    two = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    for engine in neighbors.ENGINES:
        try:
            where = device.resolve(engine.needs) if engine.needs else None
            engine.index(two, device=where).nearest(two)
            yield Finding("engine", engine.name, True, engine.description)
        except GscliError as error:
            yield Finding("engine", engine.name, False, error.what, error.remedy or "")
    for note in neighbors.notes():
        yield Finding("engine", "faiss packages", False, note)


def _rasterizers() -> Iterator[Finding]:
    nothing = Splats(np.empty(0, scene.columns(0)), 0)
    for engine in RASTERIZERS:
        try:
            engine.prepare(nothing)
            yield Finding("rasterizer", engine.name, True, engine.description)
        except GscliError as error:
            yield Finding("rasterizer", engine.name, False, error.what, error.remedy or "")


def _formats() -> Iterator[Finding]:
    for form in FORMATS:
        missing = form.missing
        detail = f"{'read' if form.writer is None else 'read and write'}: {form.description}"
        for package in missing:
            detail += f"; {package} is missing" + ", for some files" * (package in form.optional)
        works = not set(form.requires) & set(missing)
        yield Finding("format", form.name, works, detail, form.install)


def _extras() -> Iterator[Finding]:
    for extra, (packages, purpose) in EXTRAS.items():
        troubles = {package: libraries.trouble(package) for package in packages}
        said = ", ".join(
            f"{package} {found.what if found else _version(package)}" for package, found in troubles.items()
        )
        missing = [package for package, found in troubles.items() if found and found.missing]
        remedies = [installing(*missing)] if missing else []
        remedies += [f"{found.remedy} ({p})" for p, found in troubles.items() if found and not found.missing]
        yield Finding("extra", extra, not remedies, f"{said}, for {purpose}", ", ".join(remedies))


def _version(package: str) -> str:
    """The version of a package that can be imported."""
    version = getattr(import_module(package), "__version__", None)
    return version if isinstance(version, str) else metadata.version(DISTRIBUTIONS.get(package, package))


def _cache() -> Iterator[Finding]:
    try:
        place = folder = cache.folder()
    except GscliError as error:
        yield Finding("cache", "grids", False, error.what, cache.REMEDY)
        return
    reason = cache.distrusted(folder)
    while not place.exists() and place != place.parent:
        place = place.parent
    if reason:
        yield Finding("cache", "grids", False, f"{folder} {reason}", cache.REMEDY)
    elif place.is_dir() and os.access(place, os.W_OK | os.X_OK):
        yield Finding("cache", "grids", True, str(folder))
    else:
        yield Finding("cache", "grids", False, f"{folder} cannot be written", cache.REMEDY)
