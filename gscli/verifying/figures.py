"""Is what is said of a draw true? Every figure of a report is worked out anew, and compared by its name."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy.typing as npt

from .. import fields, flaws
from ..cloud import GaussianCloud
from ..grids import lattice
from ..grids.figures import figures
from ..grids.voxel_grid import VoxelGrid
from ..kernels import occupancy
from ..kernels.extent import extent_of
from ..positions import finite_rows
from ..resampling.result import Compensated, Output
from ..results.documents import finite
from .checks import SHOWN, Check
from .claims import Claim, comment_words

_SHORT = reprlib.Repr()
_SHORT.maxstring = 100


def check_report(
    claim: Claim,
    cloud: GaussianCloud,
    size: int | None,
    grid: VoxelGrid,
    kept: int,
    forced_cells: int,
    compensated: Compensated | None,
) -> Check:
    """Every figure of a report that the scene and its draw tell.

    Not known are how long it took, on what device, how it looks, where the grid came from, and which axes and
    quality were asked for.

    Args:
        size: bytes of the scene's file, where it has a size.
        kept: rows of the draw. forced_cells, compensated: as of the draw that its seed makes.
    """
    said = claim.report
    assert said is not None
    fraction = kept / len(cloud) if len(cloud) else 0.0
    output = Output(
        "", kept, claim.method, claim.seed, claim.epoch, fraction, forced_cells, compensated=compensated
    )
    cells = figures(grid).to_dict()
    del cells["why"]  # of the grid that was made again
    dropped = len(cloud) - grid.points
    invalid = None
    if claim.voxel_size is not None:
        found = flaws.of(cloud) if claim.drop == flaws.GAUSSIANS else flaws.Flaws(dropped)
        invalid = found.to_dict()
    read = {"format": cloud.header.format, "bytes": size, "points": len(cloud)}
    true: dict[str, Any] = {
        "input": {**read, "dropped": dropped, "invalid": invalid},
        "options": _options(said, claim, dropped),
        f"outputs[{claim.output}]": {
            k: v for k, v in output.to_dict().items() if k not in ("path", "index", "render")
        },
        "grid": cells,
    }
    if len(said["outputs"]) == 1:
        true["kept"] = output.kept
    flat = {**said, f"outputs[{claim.output}]": said["outputs"][claim.output]}
    wrong = [*differences(flat, finite(true)), *_false_size(said, claim, cloud)]
    return Check("report", len(wrong), tuple(wrong[:SHOWN]))


def check_comment(claim: Claim, drawn: GaussianCloud) -> Check | None:
    """Whether the comment of a draw says what its report says; None where it has none."""
    said, true = comment_words(drawn), claim.words()
    if said is None:
        return None
    idle = () if claim.method.uses_seed else ("seed", "epoch")
    names = dict.fromkeys([*true, *(name for name in said if name not in idle)])
    wrong = [
        f"its comment says {_word(said, name)}, the report {_word(true, name)}"
        for name in names
        if said.get(name) != true.get(name)
    ]
    return Check("comment", len(wrong), tuple(wrong[:SHOWN]))


def positions(cloud: GaussianCloud, claim: Claim) -> npt.NDArray[Any]:
    """(3, N) positions of all rows, those of which the claim says that they are in no cell not finite."""
    xyz = cloud.columns(fields.POSITION)
    if claim.drop == flaws.GAUSSIANS:
        flaws.of(cloud, xyz)
    return xyz


def _word(words: Mapping[str, str], name: str) -> str:
    return _SHORT.repr(f"{name}={words[name]}")[1:-1] if name in words else f"no {name[:32]}"


def _options(said: Mapping[str, Any], claim: Claim, dropped: int) -> dict[str, Any]:
    """What the options of a run must have been for its report to be true; where several will do, as said."""
    options, outputs = said["options"], said["outputs"]
    mapped = claim.voxel_size is None
    picks = [output["pick"] for output in outputs if output["pick"] is not None]
    draws = [output for output in outputs if output["method"] == claim.method.name]
    true: dict[str, Any] = {
        "methods": list(dict.fromkeys(output["method"] for output in outputs)),
        "pick": picks[0] if picks else None,
        "drop_invalid": False if mapped else (options.get("drop_invalid", False) or dropped > 0),
    }
    if mapped:
        true["points_per_cell"] = None
    else:
        true["grid"] = None
    if claim.method.uses_seed:
        true["repeat"] = len(draws)
    return true


def _false_size(said: Mapping[str, Any], claim: Claim, cloud: GaussianCloud) -> Iterator[str]:
    """One line where the cell size does not come from where the report says it does."""
    if claim.voxel_size is None:
        return
    aim, wanted = said["options"]["points_per_cell"], said["options"].get("cells")
    true = "as given"
    if aim is not None or wanted is not None:
        lattice.check_lattice_options(None, aim, claim.origin, wanted)
        columns = positions(cloud, claim)
        valid = finite_rows(columns)
        columns = columns if valid is None else columns[:, valid]
        laid = lattice.lay(
            extent_of(columns),
            occupancy.in_memory(columns),
            voxel_size=None,
            points_per_cell=aim,
            cells=wanted,
            origin=claim.origin,
        )
        true = laid.why if laid.size == claim.voxel_size else f"{laid.why}, which is {laid.size:g}"
    why = said["grid"].get("why")
    if why != true:
        yield f"the report says grid.why is {_SHORT.repr(why)}, by its options.points_per_cell it is {true!r}"


def differences(said: Mapping[str, Any], true: Mapping[str, Any], inside: str = "") -> Iterator[str]:
    """One line for each figure that is said to be another than it is."""
    for key, value in true.items():
        name = inside + key
        if key not in said:
            yield f"the report does not say {name}"
            continue
        claimed = said[key]
        if isinstance(value, dict):
            yield from differences(claimed if isinstance(claimed, dict) else {}, value, f"{name}.")
        elif claimed != value or isinstance(claimed, bool) != isinstance(value, bool):
            yield f"the report says {name} is {_SHORT.repr(claimed)}, it is {_SHORT.repr(value)}"
