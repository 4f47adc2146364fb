"""The floors of the house: imports go down or sideways, never up; and what only one room may do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gscli"
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))

FLOORS = (
    (
        "errors",
        "version",
        "fields",
        "files",
        "progress",
        "device",
        "placing",
        "registry",
        "results",
        "runtime",
    ),  # the ground
    ("_core", "kernels", "containers"),
    (
        "cloud",
        "colors",
        "in_memory",
        "scratch",
        "arguments",
        "positions",
        "flaws",
        "cameras",
        "splats",
        "motions",
    ),
    ("formats", "neighbors", "grids", "rasterizers"),
    (
        "aligning",
        "given",
        "scene",
        "resampling",
        "comparing",
        "verifying",
        "watching",
        "training",
        "rendering",
        "simplifying",
        "editing",
    ),  # what the tools are made of
    (
        "resample",
        "compare",
        "coprune",
        "convert",
        "info",
        "verify",
        "watch",
        "render",
        "simplify",
        "lod",
        "edit",
        "view",
        "align",
        "demo",
        "doctor",
        "bench",
    ),
    ("report",),
    ("batch",),
    ("cli",),
)
OPEN = ("__init__", "__main__")  # these two open the doors to all floors
LONG, LONGEST = 250, 325  # lines: a longer one says why it is one module; none is longer than that


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def room(module: Path) -> str:
    return module.parts[0].removesuffix(".py")


def imports(source: str, module: Path, *, typing: bool = False) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a module imports, at its top or in a function.

    Args:
        source: its text.
        module: its place in the package, such as ``cli/resample.py``.
        typing: whether imports for type checkers alone count too.
    """
    package = ("gscli", *module.parts[:-1])
    todo: list[ast.AST] = [ast.parse(source)]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            start = ".".join(part for part in (base, node.module) if part)
            yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not typing:
            todo.extend(node.orelse)
            continue
        todo.extend(ast.iter_child_nodes(node))


def steps_up(source: str, module: Path) -> list[str]:
    """The imports of a module that reach a higher floor than its own."""
    own = room(module)
    return [
        f"gscli/{module}:{line} imports {name}: floor {floor(own)} reaches up to {floor(name.split('.')[1])}"
        for line, name in imports(source, module)
        if name.startswith("gscli.")
        and not name.split(".")[1].startswith("__")
        and floor(name.split(".")[1]) > floor(own)
    ]


def dotted(module: Path) -> str:
    return ".".join(("gscli", *module.with_suffix("").parts)).removesuffix(".__init__")


def arrows() -> dict[str, set[str]]:
    """For each module the others that it imports, for type checkers too."""
    known = {dotted(module) for module in MODULES}
    found: dict[str, set[str]] = {}
    for module in MODULES:
        names = (name for _, name in imports(text(module), module, typing=True))
        modules = {name if name in known else name.rpartition(".")[0] for name in names}
        found[dotted(module)] = modules & known - {dotted(module)}
    return found


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """The first round trip along arrows; empty where there is none."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for other in sorted(arrows.get(name, ())):
            if found := walk(other, [*way, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(arrows) if (found := walk(name, []))), [])


def reaches_in(source: str, module: Path) -> list[str]:
    """The imports of a module that are private to another package."""
    own = dotted(module).split(".")[: len(module.parts)]
    found = []
    for line, name in imports(source, module, typing=True):
        parts = name.split(".")
        private = next((i for i, part in enumerate(parts) if part.startswith("_") and part[1] != "_"), None)
        if parts[0] == "gscli" and private is not None and parts[:private] != own[:private]:
            found.append(f"gscli/{module}:{line} imports {name}")
    return found


def ends_or_prints(source: str) -> list[int]:
    """The lines that print or end the process."""
    said = ("print(", "sys.exit(", "exit(", "quit(", "os._exit(", "SystemExit")
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call | ast.Raise)
        and ast.unparse(node).removeprefix("raise ").startswith(said)
    ]


def text(module: Path) -> str:
    return (PACKAGE / module).read_text(encoding="utf-8")


def each(*exempt: str) -> list[Path]:
    return [module for module in MODULES if module.parts[0].removesuffix(".py") not in exempt]


def test_imports_go_down_or_sideways() -> None:
    assert [step for module in each(*OPEN) for step in steps_up(text(module), module)] == []


def test_every_module_has_a_floor() -> None:
    rooms = {room(module) for module in each(*OPEN)}
    assert rooms == {name for rooms in FLOORS for name in rooms}


def test_imports_go_in_no_circle() -> None:
    between = arrows()
    assert circle(between) == []
    rooms: dict[str, set[str]] = {}
    for name, others in between.items():
        own = ".".join(name.split(".")[:2])
        rooms.setdefault(own, set()).update(".".join(other.split(".")[:2]) for other in others)
    assert circle({own: others - {own, "gscli"} for own, others in rooms.items() if own != "gscli"}) == []


def test_no_module_reaches_into_another_package() -> None:
    assert [line for module in MODULES for line in reaches_in(text(module), module)] == []


def test_only_the_command_line_prints_and_exits() -> None:
    assert [f"gscli/{m}:{line}" for m in each("cli", "__main__") for line in ends_or_prints(text(m))] == []


def test_only_the_device_module_asks_torch_about_gpus() -> None:
    assert [str(module) for module in each("device") if "torch.cuda" in text(module)] == []


def test_only_one_module_starts_interpreters() -> None:
    """Which `gscli.runtime.processes` does safely; what is timed starts by a small one, isolated likewise."""
    starting = [str(module) for module in MODULES if "sys.executable" in text(module)]
    assert starting == ["bench/timing.py", "runtime/processes.py"]
    assert '[sys.executable, "-I", "-S",' in text(Path("bench/timing.py"))


def test_one_module_alone_imports_the_gpl_licensed_plyfile() -> None:
    names = {(module, name.split(".")[0]) for module in MODULES for _, name in imports(text(module), module)}
    assert [str(module) for module, name in names if name == "plyfile"] == ["formats/_ply_lists.py"]


def test_a_module_can_be_read_in_one_sitting() -> None:
    lines = {module: len(text(module).splitlines()) for module in MODULES}
    assert {str(module): count for module, count in lines.items() if count > LONGEST} == {}
    long = {module for module, count in lines.items() if count > LONG}
    reasoned = {
        module for module in MODULES if "One module" in (ast.get_docstring(ast.parse(text(module))) or "")
    }
    assert {str(module) for module in long - reasoned} == set()


def test_no_module_is_a_drawer() -> None:
    drawers = ("utils", "util", "helpers", "common", "misc")
    assert [str(module) for module in MODULES if module.stem.strip("_") in drawers] == []


@pytest.mark.parametrize(
    "line",
    [
        "from ..cli import main",
        "from .. import report",
        "from ..resample import resample",
        "import gscli.batch",
        "def f():\n    from ..training import samplers",
        "if TYPE_CHECKING:\n    pass\nelse:\n    from .. import cli",
    ],
)
def test_a_step_up_is_found(line: str) -> None:
    assert len(steps_up(line, Path("kernels/cells.py"))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "from . import hashing",
        "from .hashing import mix",
        "from .. import device, __version__",
        "from ..containers import npy",
        "import gscli.errors",
        "import report",
        "if TYPE_CHECKING:\n    from ..resample import Resampled",
    ],
)
def test_a_step_down_or_sideways_is_left_alone(line: str) -> None:
    assert steps_up(line, Path("kernels/cells.py")) == []


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("line", ["from ..formats import _rows", "from ..formats._rows import planes"])
def test_reaching_in_is_found(line: str) -> None:
    assert len(reaches_in(line, Path("kernels/cells.py"))) == 1
    assert reaches_in(line, Path("formats/ply.py")) == []


@pytest.mark.parametrize("line", ["print(1)", "sys.exit(2)", "raise SystemExit(3)", "def f():\n    exit()"])
def test_printing_and_exiting_are_found(line: str) -> None:
    assert len(ends_or_prints(line)) >= 1
    assert ends_or_prints("pprint(1); sys.exit; raise OSError") == []
