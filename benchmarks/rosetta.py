"""A scene through every format and back: what it costs, what is left of it, and how it looks afterwards.

Ours first. Then what others write, read by gscli, and what gscli writes, read by others: splat-transform,
gsply and SogPython, each where it is installed. Time is the CPU's for whole processes, one that writes and
one that reads. What came back is held against the scene by `gscli compare --render`: PSNR in dB over 12
views; the share of centres within twice the spacing; root mean squares of colour (0 to 1), harmonics, opacity
(0 to 1), logarithms of scales, and the shape, which turns with rotations, in spacings; the SH degree and the
render mode, without which a scene that had one looks different.

    python -m benchmarks.rosetta scene.ply
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gscli import compare, fields, formats, scene
from gscli.cloud import GaussianCloud
from gscli.files import render_modes
from gscli.formats import FORMATS

from .simplify import run
from .tables import GSCLI, script, seconds, show

THEIRS = "splat-transform"
HEADS = (
    "time",
    "and back",
    "MB",
    "PSNR",
    "matched",
    "colour",
    "harmonics",
    "opacity",
    "scales",
    "shape",
    "degree",
    "mode",
)
QUICK = ("gltf", "spz")  # where it is only tried whether this runs
_GSPLY_PLY = "import sys, gsply; gsply.plywrite(sys.argv[2], gsply.plyread(sys.argv[1]))"
_GSPLY_TO_SPZ = "import sys, gsply; gsply.write_spz(sys.argv[2], gsply.plyread(sys.argv[1]))"
_GSPLY_OF_SPZ = "import sys, gsply; gsply.plywrite(sys.argv[2], gsply.read_spz(sys.argv[1]))"
_SOGPYTHON = "import sys, SogPython.sog_writer as s; s.convert_ply_to_sog(sys.argv[1], sys.argv[2])"

Command = list[str] | str  # or that it is not installed


@dataclass(frozen=True)
class Way:
    """How a scene goes into a file and comes back as PLY."""

    name: str
    there: Command
    back: Command
    middle: Path


def tables(quick: bool, repeats: int, scenes: Sequence[str] = ()) -> Iterator[str]:
    """One table a scene, with a render mode if it told none; without scenes, one that gscli makes."""
    with tempfile.TemporaryDirectory() as folder:
        source, back = Path(folder) / "scene.ply", Path(folder) / "back.ply"
        made = Path(folder) / "made.ply"
        if not scenes:
            scene.write(made, 2_000 if quick else 100_000)
        for given in scenes or [str(made)]:
            whole = told(formats.read(given))
            formats.write(source, whole, allow_lossy=True, overwrite=True)
            title = f"{Path(given).name}, {len(whole):,} Gaussians, {_megabytes(source)} MB"
            lines = [[title, *HEADS], ["---"] * (len(HEADS) + 1)]
            for way in ways(source, back, QUICK if quick else FORMATS.names()):
                lines.append([way.name, *_row(way, source, back, 2 if quick else 12)])
            yield "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def told(cloud: GaussianCloud) -> GaussianCloud:
    """A scene that tells a render mode, so that it is seen whether that is held."""
    if cloud.render_mode is not None:
        return cloud
    comments = (*cloud.header.comments, render_modes.comment(render_modes.MIP))
    return replace(cloud, header=replace(cloud.header, comments=comments, native=None))


def ways(source: Path, back: Path, names: Sequence[str]) -> Iterator[Way]:
    """Those of the named formats that gscli writes, and those of others in both directions."""

    def ours(old: Path, new: Path) -> Command:
        return [*GSCLI, "convert", str(old), str(new), "--allow-lossy", "--overwrite", "--quiet"]

    def theirs(old: Path, new: Path) -> Command:
        found = shutil.which(THEIRS)
        return (
            f"{THEIRS} is not installed"
            if found is None
            else [found, "-q", "-w", "-g", "cpu", str(old), str(new)]
        )

    for form in FORMATS:
        if form.writer is not None and form.name in names:
            middle = source.parent / "ours" / (form.name + ("" if form.folder else form.suffixes[0]))
            name = f"`{form.suffixes[0]}`" if not form.folder else form.name
            yield Way(name, ours(source, _spelled(middle, form.folder)), ours(middle, back), middle)
    for suffix in (".ply", ".compressed.ply", ".spz", ".sog", ".glb"):
        middle = source.parent / f"theirs{suffix}"
        yield Way(f"`{suffix}` of {THEIRS}", theirs(source, middle), ours(middle, back), middle)
        if suffix != ".glb":  # which it does not read
            middle = source.parent / f"for-them{suffix}"
            yield Way(f"`{suffix}`, read by {THEIRS}", ours(source, middle), theirs(middle, back), middle)
    for suffix, writer, reader in (
        (".ply", _GSPLY_PLY, _GSPLY_PLY),
        (".compressed.ply", _GSPLY_PLY, _GSPLY_PLY),
        (".spz", _GSPLY_TO_SPZ, _GSPLY_OF_SPZ),
    ):
        middle = source.parent / f"gsply{suffix}"
        written = script(writer, source, middle, needs="gsply")
        yield Way(f"`{suffix}` of gsply", written, ours(middle, back), middle)
        middle = source.parent / f"for-gsply{suffix}"
        read = script(reader, middle, back, needs="gsply")
        yield Way(f"`{suffix}`, read by gsply", ours(source, middle), read, middle)
    middle = source.parent / "sogpython.sog"
    written = script(_SOGPYTHON, source, middle, needs="SogPython")
    yield Way("`.sog` of SogPython", written, ours(middle, back), middle)


def held(found: GaussianCloud, whole: GaussianCloud, views: int, size: int = 480) -> list[str]:
    """What is left of a scene, as the columns of the table from PSNR on."""
    splats = fields.is_gaussian(found.fields)
    said = compare(
        found, whole, render=splats, views=views if splats else None, size=size if splats else None
    )
    numbers = said.to_dict()
    cells = [f"{100 * numbers['source_to_target']['at'][0]['fitness']:.1f}%"]
    if not splats:
        return ["", *cells, *[""] * 6, found.render_mode or ""]
    about, psnr = numbers["gaussians"], numbers["render"]["psnr"]["mean"]
    rms = [about["color"]["dc"], about["color"]["sh_energy"], about["opacity"], about["log_scale"]]
    cells += [f"{one['rms']:.2g}" for one in (*rms, about["w2"]["spacings"])]
    return [
        "equal" if psnr is None else f"{psnr:.1f}",
        *cells,
        str(fields.sh_degree(found.fields)),
        found.render_mode or "",
    ]


def _row(way: Way, source: Path, back: Path, views: int) -> list[str]:
    for command in (way.there, way.back):
        if isinstance(command, str):
            return [command, *[""] * (len(HEADS) - 1)]
    way.middle.parent.mkdir(exist_ok=True)
    times = []
    for command in (way.there, way.back):
        try:
            times.append(seconds(run(command)[0]))
        except SystemExit as failure:
            times.append(f"refused: {str(failure)[-80:]}")
            break
    if len(times) < 2 or times[1].startswith("refused"):
        return [*times, *[""] * (len(HEADS) - len(times))]
    return [*times, _megabytes(way.middle), *held(formats.read(back), formats.read(source), views)]


def _spelled(path: Path, folder: bool) -> Path | str:
    """A path that is written: of a folder, with a solidus."""
    return f"{path}{os.sep}" if folder else path


def _megabytes(path: Path) -> str:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return f"{sum(file.stat().st_size for file in files) / 1e6:.1f}"


if __name__ == "__main__":
    show(tables, __doc__, files="scenes, of splats")
