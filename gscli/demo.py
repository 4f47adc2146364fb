"""A first run without any data: make a scene, thin it in several ways, look at it before and after."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import _core, files, formats, scene
from .compare import Compared, compare
from .errors import InputError, UsageError
from .files import room, writing
from .progress import Track, silent
from .resample import Resampled, resample
from .simplify import simplify
from .simplifying.beside import Beside, beside, can_be
from .splats import Splats

POINTS = 200_000
QUARTER, FEWEST = "25%", 4
METHODS = ("half-density", "one-per-grid", "k-per-grid")
PAGE = "before-and-after.html"
BESIDE = "side-by-side.html"
QUARTERS = {  # files, and how each is made of a scene
    "quarter-resampled.ply": "selected by resample",
    "quarter-compensated.ply": "selected, opacity compensated",
    "quarter-simplified.ply": "merged by simplify",
}


@dataclass(frozen=True)
class Demo:
    """What `demo` made.

    Attributes:
        source: the scene, made or given.
        made: whether it was made here.
        runs: one resampling per method of `METHODS`, all written into one folder.
        compared: the first of them against the scene, with renders where there is something to render; None
            of a scene without points.
        page: where the caller is to write that as a page.
        beside: the scene and a quarter of it, selected, compensated and merged; empty where it cannot be
            drawn or merged. beside_page: where the caller is to write those as a page.
    """

    source: str
    made: bool
    runs: tuple[Resampled, ...]
    compared: Compared | None
    page: str
    beside: tuple[Beside, ...]
    beside_page: str


def demo(
    source: str | os.PathLike[str] | None = None,
    out_dir: str | os.PathLike[str] | None = None,
    *,
    overwrite: bool = False,
    track: Track = silent,
) -> Demo:
    """Thin a scene with every method, into one folder, compare it before and after, and see a quarter of it.

    Args:
        source: a scene of the user's; None makes one of 200,000 Gaussians.
        out_dir: where to write; None is a new folder among the system's temporary files.
        overwrite: replace existing files.
    """
    if source is not None and formats.Source.of(source).standard:
        raise UsageError(
            "stdin can be read once, and the demo reads a scene several times", remedy="name a file"
        )
    if out_dir is None:
        with room.sought("cannot make a folder in"):
            folder = Path(tempfile.mkdtemp(prefix="gscli-demo-"))
        new = True
    else:
        folder = Path(out_dir)
        read = [] if source is None else [formats.Source.of(source).path]
        for path in read:
            files.require_readable(path)
        writing.check_outputs(
            [
                folder / PAGE,
                folder / BESIDE,
                *(folder / name for name in QUARTERS),
                *(folder / f"{name}.ply" for name in (*METHODS, *(["scene"] if source is None else []))),
            ],
            overwrite=overwrite,
            will_be_made=[folder],
            sources=read,
        )
        new = not folder.exists()
        writing.make_folder(folder)
    try:
        return _made(source, folder, overwrite, track)
    except BaseException:
        if new:
            with suppress(OSError):  # something was written already
                folder.rmdir()
        raise


def _made(source: str | os.PathLike[str] | None, folder: Path, overwrite: bool, track: Track) -> Demo:
    """The demo in a folder that is there."""
    made = source is None
    if source is None:
        source = folder / "scene.ply"
        formats.write(source, scene.make(POINTS), overwrite=overwrite)
    runs = tuple(
        resample(
            source,
            folder / f"{method}.ply",
            method=method,
            k=8 if method == "k-per-grid" else None,
            overwrite=overwrite,
            track=track,
        )
        for method in METHODS
    )
    compared = None
    if runs[0].points:
        compared = compare(runs[0].outputs[0].path, source, render=_can_be_drawn(source), track=track)
    quarters: tuple[Beside, ...] = ()
    if runs[0].points >= FEWEST and _core.available() and can_be(formats.read(source)):
        quarters = _quarters(source, folder, overwrite, track)
    pages = os.fspath(folder / PAGE), os.fspath(folder / BESIDE)
    return Demo(os.fspath(source), made, runs, compared, pages[0], quarters, pages[1])


def _quarters(
    source: str | os.PathLike[str], folder: Path, overwrite: bool, track: Track
) -> tuple[Beside, ...]:
    """A scene and a quarter of it, made in three ways."""
    selected, compensated, merged = (folder / name for name in QUARTERS)
    for path, compensate in ((selected, None), (compensated, "opacity")):
        resample(source, path, target=QUARTER, compensate=compensate, overwrite=overwrite, track=track)
    simplify(source, merged, target=QUARTER, overwrite=overwrite, track=track)
    made = zip(QUARTERS.values(), (selected, compensated, merged), strict=True)
    return beside(source, dict(made), track)


def _can_be_drawn(source: str | os.PathLike[str]) -> bool:
    if not _core.available():
        return False
    try:
        Splats.of(formats.read(source)).require_looks("")
    except InputError:
        return False
    return True
