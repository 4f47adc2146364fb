"""The operations that a batch can run: for each, which files it writes and the function that does it.

One module: an operation is a few lines, and the registry lists all of them.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import GateMissed, InputError, UsageError, WriteRefused, did_you_mean
from . import outputs
from .operation import Answer, Operation, Parameters, Place
from .tasks import Task

if TYPE_CHECKING:
    from ..formats import Source


def get(name: str) -> Operation:
    """The operation of a name.

    Raises:
        UsageError: there is none.
    """
    if name not in _REGISTRY:
        raise UsageError(f"no batch operation {name!r}", remedy=did_you_mean(name, NAMES))
    return _REGISTRY[name]


def _no_outputs(source: str, place: Place, parameters: Parameters) -> list[str]:
    return []


def _cache(parameters: Parameters) -> Any:
    """The grid cache, which a batch uses only where asked to: thousands of scenes would flush it."""
    if not parameters.pop("on_disk_cache", False):
        return None
    from ..grids.cache import GridCache, folder

    return GridCache(folder())


def _with_grid(scene: str, parameters: Parameters) -> Parameters:
    """The parameters, with a relative grid file as the one in the scene's folder: nowhere else is near."""
    name = parameters.get("grid_file")
    if name is None or os.path.isabs(name):
        return parameters
    if not os.path.isdir(scene):
        raise InputError("no such grid file", path=name, remedy="check the path")
    return {**parameters, "grid_file": os.path.join(scene, name)}


def _resample(task: Task) -> Answer:
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
        **_with_grid(task.source, settings),
    )
    kept = sum(output.points for output in result.outputs)
    return Answer(result.to_dict(), {"points": result.points, "written": kept})


def _resample_outputs(source: str, place: Place, parameters: Parameters) -> list[str]:
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
    stem, suffix = scene.stem, _suffix(scene)
    wanted = draws(chosen, given("epoch", 0), given("repeat", 1))
    names = [stem] if len(wanted) == 1 else [draw_name(stem, m, e) for m, e in wanted]
    paths = [place.path(name + suffix) for name in names]
    if "index" in parameters:
        paths += [place.path(f"{name}.npy", parameters["index"]) for name in names]
    return paths


def _suffix(scene: Source) -> str:
    """What draws of a scene end in, for folders that cannot be read as well."""
    try:
        return scene.suffix
    except InputError:  # this input alone will fail, and say why
        return "/"


def _convert(task: Task) -> Answer:
    from ..convert import convert
    from ..report import convert as report

    settings = {name: value for name, value in task.parameters.items() if name != "to"}
    result = convert(task.source, task.outputs[0], overwrite=True, **settings)
    return Answer(result.to_dict(), {"points": result.points, "lost": report.lost(result)})


def _convert_outputs(source: str, place: Place, parameters: Parameters) -> list[str]:
    """Outputs keep the name of their scene, and nothing of its suffix."""
    from ..formats import Source

    suffix = _writable_suffix(parameters["to"], parameters.get("allow_lossy", False))
    return [place.path(Source.of(source).stem + suffix)]


@cache
def _writable_suffix(to: str, allow_lossy: bool) -> str:
    """The suffix that `to` means, if files of that format can be written here and may be."""
    from ..convert import written_as

    suffix, form = written_as(to)
    form.require(to)
    if form.writer is not None and form.writer.lossy and not allow_lossy:
        raise WriteRefused(f"`to` {to} always loses precision", remedy="add `allow_lossy=True`")
    return suffix


def _edit(task: Task) -> Answer:
    from ..edit import edit

    settings = dict(task.parameters)
    actions = [
        (name, settings.pop(f"{name}[{place}]", value))
        for place, (name, value) in enumerate(settings.pop("actions", []))
    ]
    result = edit(task.source, task.outputs[0], actions, overwrite=True, **settings)
    return Answer(result.to_dict(), {"points": result.points, "written": result.kept})


def _edit_outputs(source: str, place: Place, parameters: Parameters) -> list[str]:
    """Outputs keep the name of their scene, whose file becomes PLY, and whose folder a folder."""
    from ..editing.actions import actions
    from ..formats import Source

    given = parameters.get("actions", [])
    actions([(name, parameters.get(f"{name}[{at}]", value)) for at, (name, value) in enumerate(given)])
    scene = Source.of(source)
    return [place.path(scene.stem + _suffix(scene))]


def _info(task: Task) -> Answer:
    from ..info import info

    found = info(task.source, **task.parameters)
    figures = {"points": found.points, "invalid": found.invalid, "spacing": found.spacing}
    return Answer(found.to_dict(), figures)


def _compare(task: Task) -> Answer:
    from ..compare import compare

    settings = {name: value for name, value in task.parameters.items() if name not in ("html", "distances")}
    page, distances = (
        next((path for path in task.outputs if path.endswith(suffix)), None) for suffix in (".html", ".ply")
    )
    up = settings.get("up")
    if page is not None and not settings.get("render"):
        settings.pop("up", None)  # it is about the page alone
    result = compare(
        task.source,
        task.inputs[1].path,
        distances=distances,
        overwrite=True,
        **settings,
    )
    if page is not None:
        from ..report import html
        from ..report.ran import Ran

        html.write(page, result, overwrite=True, ran=Ran.now(), up=up)
    first = result.centers.source_to_target.at[0]
    figures = {"threshold": first.threshold, "fitness": first.fitness, "inlier_rmse": first.inlier_rmse}
    return Answer(result.to_dict(), figures, tuple(str(gate) for gate in result.gates if not gate.passed))


def _compare_outputs(source: str, place: Place, parameters: Parameters) -> list[str]:
    from ..comparing import budget
    from ..formats import Source

    budget.refuse_page(parameters.get("html"), parameters.get("memory_limit"))
    named = (("html", ".html"), ("distances", ".ply"))
    return [
        place.path(Source.of(source).stem + suffix, parameters[name])
        for name, suffix in named
        if name in parameters
    ]


def _simplify(task: Task) -> Answer:
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


def _simplify_outputs(source: str, place: Place, parameters: Parameters) -> list[str]:
    """Outputs keep the name of their scene."""
    from ..formats import Source
    from ..simplifying.asked import require_sense

    require_sense(**{name: parameters.get(name) for name in ("target", "min_psnr", "views", "cameras")})
    scene = Source.of(source)
    paths = [place.path(scene.stem + _suffix(scene))]
    if "index" in parameters:
        paths.append(place.path(f"{scene.stem}.npy", parameters["index"]))
    return paths


def _verify(task: Task) -> Answer:
    from ..verify import verify

    scene = task.inputs[1].path
    result = verify(scene, [task.source], **_with_grid(scene, task.parameters))
    try:
        result.require()
        missed = []
    except GateMissed as violation:
        missed = [str(violation)]
    return Answer(result.to_dict(), {"violations": result.violations}, tuple(missed))


_REGISTRY = {
    "compare": Operation(
        _compare,
        _compare_outputs,
        compares=True,
        modules=("gscli.compare",),
    ),
    "convert": Operation(
        _convert,
        _convert_outputs,
        writes=True,
        renames=True,
        modules=("gscli.convert", "gscli.report.convert"),
    ),
    "edit": Operation(
        _edit,
        _edit_outputs,
        writes=True,
        modules=("gscli.edit",),
    ),
    "info": Operation(_info, _no_outputs, modules=("gscli.info",)),
    "resample": Operation(
        _resample,
        _resample_outputs,
        writes=True,
        modules=("gscli.resample",),
    ),
    "simplify": Operation(
        _simplify,
        _simplify_outputs,
        writes=True,
        modules=("gscli.simplify",),
    ),
    "verify": Operation(
        _verify,
        _no_outputs,
        compares=True,
        modules=("gscli.verify",),
    ),
}
NAMES = tuple(_REGISTRY)
