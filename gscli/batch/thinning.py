"""The operations that thin scenes, for `gscli.batch.operations`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import outputs
from .operation import Answer, Parameters, Place
from .parameters import suffix_of, with_grid, writable_suffix
from .tasks import Task


def _cache(parameters: Parameters) -> Any:
    """The grid cache, which a batch uses only where asked to: thousands of scenes would flush it."""
    if not parameters.pop("on_disk_cache", False):
        return None
    from ..grids import cache

    return cache.of_user()


def run_resample(task: Task) -> Answer:
    from ..resample import resample

    settings = dict(task.parameters)
    clouds = [path for path in task.outputs if not path.endswith(".npy")]
    rows = [path for path in task.outputs if path.endswith(".npy")]
    index = settings.pop("index", None)
    if len(clouds) == 1:
        output, out_dir, index = clouds[0], None, rows[0] if rows else None
    else:
        output, out_dir = None, outputs.split(clouds[0])[0]
        index = outputs.split(rows[0])[0] if rows else None
    result = resample(
        task.source,
        output,
        out_dir=out_dir,
        index=index,
        cache=_cache(settings),
        overwrite=True,
        **with_grid(task.source, settings),
    )
    kept = sum(output.points for output in result.outputs)
    return Answer(result.to_dict(), {"points": result.points, "written": kept})


def resample_outputs(source: str, place: Place, parameters: Parameters) -> list[str]:
    """One draw keeps the name of its scene; several are named after their method and epoch too."""
    from ..formats import Source
    from ..grids.grid_files import refuse_lattice
    from ..grids.lattice import check_lattice_options, lattice_options
    from ..resampling.draws import asked_for, check_draws, draw_name, draws

    given = parameters.get
    chosen = asked_for(parameters)
    lattice = given("voxel_size"), given("points_per_cell"), given("origin")
    check_lattice_options(*lattice)
    refuse_lattice(given("grid_file"), lattice_options(*lattice))
    check_draws(given("seed"), given("epoch"), given("repeat"))
    scene = Source.of(source)
    stem, suffix = scene.stem, suffix_of(scene)
    wanted = draws(chosen, given("epoch", 0), given("repeat", 1))
    names = [stem] if len(wanted) == 1 else [draw_name(stem, m, e) for m, e in wanted]
    paths = [place.path(name + suffix) for name in names]
    if "index" in parameters:
        paths += [place.path(f"{name}.npy", parameters["index"]) for name in names]
    return paths


def run_simplify(task: Task) -> Answer:
    from ..simplify import simplify

    settings = {name: value for name, value in task.parameters.items() if name != "index"}
    scene, *index = task.outputs
    result = simplify(task.source, scene, index=index[0] if index else None, overwrite=True, **settings)
    looks = result.looks
    figures = {
        "points": result.points,
        "written": result.kept,
        "psnr": None if looks is None else looks.psnr.foreground,
    }
    return Answer(result.to_dict(), figures)


def simplify_outputs(source: str, place: Place, parameters: Parameters) -> list[str]:
    """Outputs keep the name of their scene."""
    from ..errors import naming
    from ..formats import Source, Target
    from ..simplifying.asked import require_sense
    from ..simplifying.budget import refuse_cells, refuse_in_memory
    from ..simplifying.drawing import require
    from ..simplifying.methods import PAIRS

    names = ("target", "min_psnr", "views", "cameras", "voxel_size", "points_per_cell", "origin")
    given = {name: parameters.get(name) for name in names}
    method = parameters.get("method", PAIRS)
    require_sense(**given, method=method)
    refuse_cells(method, parameters.get("memory_limit"))
    require(*_drawn(parameters), judged=given["min_psnr"] is not None)
    scene = Source.of(source)
    paths = [place.path(scene.stem + suffix_of(scene))]
    with naming(source):
        refuse_in_memory(Target.of(paths[0]).format, parameters.get("memory_limit"))
    if "index" in parameters:
        paths.append(place.path(f"{scene.stem}.npy", parameters["index"]))
    return paths


def _drawn(parameters: Parameters) -> tuple[Any, ...]:
    """What `gscli.simplifying.drawing.require` asks for."""
    return parameters.get("device", "cpu"), parameters.get("views"), parameters.get("memory_limit")


def run_lod(task: Task) -> Answer:
    from ..lod import lod
    from ..simplifying.searching import figure

    result = lod(task.source, task.outputs[0], overwrite=True, **task.parameters)
    last = result.levels[-1]
    figures = {
        "points": result.points,
        "levels": len(result.levels),
        "fewest": last.points,
        "psnr": None if last.looks is None else figure(last.looks),
    }
    return Answer(result.to_dict(), figures)


def lod_outputs(source: str, place: Place, parameters: Parameters) -> list[str]:
    """A folder that has the name of its scene."""
    from ..formats import Source
    from ..lod import level_written_as
    from ..simplifying.asked import levels_asked
    from ..simplifying.budget import refuse_in_memory
    from ..simplifying.drawing import require

    given = parameters.get
    names = ("levels", "max_error", "views", "cameras")
    asked = levels_asked(ratio=given("ratio", 0.5), **{name: given(name) for name in names})
    require(*_drawn(parameters), judged=asked.limit is not None)
    to = given("to", "ply")
    refuse_in_memory(level_written_as(to)[1], given("memory_limit"))
    writable_suffix(to, given("allow_lossy", False))
    return [place.path(Source.of(source).stem) + "/"]


def refuse_levels(path: str, *, overwrite: bool, source: str) -> None:
    from ..simplifying.levels import refuse_existing

    refuse_existing(Path(path), overwrite=overwrite)
