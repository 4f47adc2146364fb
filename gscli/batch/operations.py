"""The operations that a batch can run: for each, which files it writes and the function that does it."""

from __future__ import annotations

from ..errors import GateMissed, UsageError, did_you_mean
from . import thinning
from .operation import Answer, Operation, Parameters, Place
from .parameters import suffix_of, with_grid, writable_suffix
from .tasks import Task


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


def _convert(task: Task) -> Answer:
    from ..convert import convert
    from ..report import convert as report

    settings = {name: value for name, value in task.parameters.items() if name != "to"}
    result = convert(task.source, task.outputs[0], overwrite=True, **settings)
    return Answer(result.to_dict(), {"points": result.points, "lost": report.lost(result)})


def _convert_outputs(source: str, place: Place, parameters: Parameters) -> list[str]:
    """Outputs keep the name of their scene, and nothing of its suffix."""
    from ..formats import Source

    suffix = writable_suffix(parameters["to"], parameters.get("allow_lossy", False))
    return [place.path(Source.of(source).stem + suffix)]


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
    return [place.path(scene.stem + suffix_of(scene))]


def _info(task: Task) -> Answer:
    from ..info import info

    page = next(iter(task.outputs), None)
    settings = {name: value for name, value in task.parameters.items() if name != "html"}
    found = info(task.source, glance=page is not None, **settings)
    if page is not None:
        from ..report import info_page
        from ..report.ran import Ran

        info_page.write(page, [found], overwrite=True, ran=Ran.now())
    figures = {"points": found.points, "invalid": found.invalid, "spacing": found.spacing}
    return Answer(found.to_dict(), figures)


def _info_outputs(source: str, place: Place, parameters: Parameters) -> list[str]:
    from ..rendering.glance import refuse_up

    refuse_up(parameters.get("up"), asked="html" in parameters)
    return _pages(source, place, parameters, ("html", ".html"))


def _pages(source: str, place: Place, parameters: Parameters, *named: tuple[str, str]) -> list[str]:
    """Files beside what an operation is for: those of parameters that were given, by their suffixes."""
    from ..formats import Source

    return [
        place.path(Source.of(source).stem + suffix, parameters[name])
        for name, suffix in named
        if name in parameters
    ]


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

    budget.refuse_page(parameters.get("html"), parameters.get("memory_limit"))
    return _pages(source, place, parameters, ("html", ".html"), ("distances", ".ply"))


def _verify(task: Task) -> Answer:
    from ..verify import verify

    scene = task.inputs[1].path
    result = verify(scene, [task.source], **with_grid(scene, task.parameters))
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
    "info": Operation(_info, _info_outputs, modules=("gscli.info",)),
    "lod": Operation(
        thinning.run_lod,
        thinning.lod_outputs,
        writes=True,
        refuse_existing=thinning.refuse_levels,
        modules=("gscli.lod",),
    ),
    "resample": Operation(
        thinning.run_resample,
        thinning.resample_outputs,
        writes=True,
        modules=("gscli.resample",),
    ),
    "simplify": Operation(
        thinning.run_simplify,
        thinning.simplify_outputs,
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
