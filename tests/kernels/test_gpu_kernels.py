"""Kernels in Triton compiled for GPUs that need not be there: that they compile, and into what."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

triton = pytest.importorskip("triton", reason="needs triton")

from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402

import gscli  # noqa: E402
from gscli.kernels import box_tree, gpu  # noqa: E402
from gscli.kernels import walk as walks  # noqa: E402
from gscli.kernels.footprints import NOWHERE  # noqa: E402
from gscli.kernels.fused_draws import STRETCH, TILES  # noqa: E402
from gscli.kernels.gpu import cells, composite, draws, lists, project, trial, walk  # noqa: E402

NUMBERS = {
    "points": "*fp32",
    "queries": "*fp32",
    "box": "*fp32",
    "squared": "*fp64",
    "xyz": "*fp32",
    "cut": "*fp64",
    "lattices": "*fp64",
}
NUMBERS |= {name: "*fp32" for name in ("records", "color", "alpha", "deep", "image")}
NUMBERS |= {name: "*fp32" for name in ("positions", "opacities", "scales", "rotations", "colors")}
NUMBERS |= {"lens": "*fp64"}
INT64 = [
    "order",
    "which",
    "offsets",
    "cells",
    "k",
    "forced",
    "keys",
    "ends",
    "tallies",
    "rows",
    "sums",
    "longest",
]  # others are int32
WORDS = ("STREAM", "LOW", "WIDTH", "RATIO", "ROUND")  # 64 bits
PACKETS = {"M": box_tree.LEAF, "BQ": walks.PACKET}
ONE, FOUR, MANY = (
    {**PACKETS, "OTHERS": others, "ELSEWHERE": False, "K": power, "k": k}
    for k, power, others in ((1, 1, False), (3, 4, True), (16, 16, True))
)
ELSEWHERE = {**ONE, "ELSEWHERE": True}
PICTURE = {"FIELDS": 10, "TILE": 16, "BLOCK": 16, "UNROLL": 4}
LISTS = {"CUT": 1 / 255, "FIELDS": 10, "NOWHERE": NOWHERE, "TILE": 16, "B": 128}
PROJECTED = {"RAW": True, "ANTIALIASED": False, "XRAY": False, "PARALLEL": False, "CUT": 1 / 255, "LOW": 0.3}
PROJECTED |= {"DEGREE": 3, "NOWHERE": NOWHERE, "FIELDS": 10, "B": 128}
COMPILED = {  # a kernel, what it is compiled for, and how many warps run it
    "count_up": (trial.count_up, {}, 1),
    "descend": (walk.descend, {"BQ": 128}, 4),
    **{f"walk, k={c['k']}": (walk.walk, {**c, "W": 1}, 1) for c in (ONE, FOUR, MANY)},
    "walk, elsewhere": (walk.walk, {**ELSEWHERE, "W": 1}, 1),
    **{
        f"share, {columns} columns": (draws.share, {"ROUNDS": True, "COLUMNS": columns, "B": 256}, 4)
        for columns in (1, 2, 3, 4)  # ids or lattice coordinates, the scene before them in a batch
    },
    "mark_cells": (cells.mark_cells, {"B": 1024}, 4),
    "number_cells": (cells.number_cells, {"B": 1024}, 4),
    "mark_one": (draws.mark_one, {"COLUMNS": 3, "B": 256}, 4),
    "mark_one, of a batch": (draws.mark_one, {"COLUMNS": 4, "B": 256}, 4),
    **{
        f"mark_least, {rows} rows": (draws.mark_least, {"BEYOND": beyond, "B": rows}, warps)
        for beyond, (rows, warps) in zip((0, 32, 256), TILES, strict=True)
    },
    "hash_rows": (draws.hash_rows, {"B": 1024}, 4),
    "tally": (draws.tally, {"B": STRETCH}, 4),
    "compact": (draws.compact, {"B": STRETCH}, 8),
    **{
        f"project, degree {degree}": (project.project, {**PROJECTED, "DEGREE": degree}, 4)
        for degree in (-1, 0, 3, 4)
    },
    "project, antialiased": (project.project, {**PROJECTED, "ANTIALIASED": True}, 4),
    **{
        f"project, X-rays in a {beam}": (
            project.project,
            {**PROJECTED, "DEGREE": -1, "XRAY": True, "PARALLEL": parallel, "CUT": 1e-5, "LOW": 0.0},
            4,
        )
        for beam, parallel in (("cone", False), ("parallel beam", True))
    },
    "count": (lists.count, LISTS, 4),
    "fill": (lists.fill, LISTS, 4),
    **{
        f"composite, {name}": (composite.composite, {**PICTURE, "XRAY": xray, "DEEP": deep, "CUT": cut}, 4)
        for name, xray, deep, cut in (("X-ray", True, False, 1e-5), ("deep", False, True, 1 / 255))
    },
    **{
        f"share out, {channels} channels": (
            composite.share,
            {**PICTURE, "BLOCK": 8, "CHANNELS": channels, "UNIT": 1 << 22, "CUT": 1 / 255},
            1,
        )
        for channels in (1, 4)
    },
    **{f"try_all, k={c['k']}": (walk.try_all, c, 1) for c in (ONE, FOUR, MANY)},
}
FLAT = (project.project, lists.count, lists.fill)
FUSED = re.compile(r"\bfma\.\w+\.f(?:32|64)\b|\bmad\.\w+\.f(?:32|64)\b")


@pytest.fixture(autouse=True)
def compiled_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


def compiled(name: str, capability: int, **options: Any) -> str:
    """The assembly of a kernel for an NVIDIA GPU; to have machine code made of it is part of it."""
    kernel, constants, warps = COMPILED[name]
    types = {name: _type(kernel, name, constants) for name in kernel.arg_names}
    source = ASTSource(fn=kernel, signature=types, constexprs=constants)
    made = triton.compile(
        source, target=GPUTarget("cuda", capability, 32), options={"num_warps": warps, **options}
    )
    assert len(made.asm["cubin"]) > 1000
    return str(made.asm["ptx"])


def _type(kernel: Any, name: str, constants: dict[str, Any]) -> str:
    if name in constants:
        return "constexpr"
    if name.isupper():
        return "i64" if name in WORDS else "i32"
    if name in NUMBERS:
        return NUMBERS[name]
    if name in ("marks", "tables"):
        return "*i8"
    if (name == "rows" and kernel in (walk.walk, walk.try_all)) or (name == "keys" and kernel in FLAT):
        return "*i32"
    if name == "tiles":
        return "*i16"
    return "*i64" if name in INT64 else "*i32"


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("name", COMPILED)
def test_no_product_is_fused_with_a_sum(name: str, capability: int) -> None:
    assert FUSED.findall(compiled(name, capability, enable_fp_fusion=False)) == []


def test_what_is_fused_is_found() -> None:
    assert len(FUSED.findall(compiled("walk, k=1", 90, enable_fp_fusion=True))) > 9


def test_every_kernel_is_compiled() -> None:
    modules = [
        importlib.import_module(f"{gpu.__name__}.{found.name}")
        for found in pkgutil.iter_modules(gpu.__path__)
    ]
    kernels = {
        name
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, triton.JITFunction) and not name.startswith("_")
    }
    assert kernels == {kernel.__name__ for kernel, *_ in COMPILED.values()}


def launches(source: str) -> list[int]:
    """The lines that launch a kernel: that call what is in brackets after a name."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Subscript)
        and isinstance(node.func.slice, ast.Tuple | ast.Name)
        and "grid" in ast.unparse(node.func.slice) + "grid" * isinstance(node.func.slice, ast.Tuple)
    ]


def test_kernels_are_launched_in_one_place_which_forbids_fusion() -> None:
    root = Path(gscli.__file__).parent
    found = {str(path.relative_to(root)) for path in root.rglob("*.py") if launches(path.read_text("utf-8"))}
    assert found == {"kernels/launches.py"}
    assert launches("walk[(8,)](queries)\nwalk[grid](queries)\nwalk[kind](queries)\nwalk(8)[0]") == [1, 2]
