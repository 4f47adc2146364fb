"""The floors of the house: imports go down or sideways, never up; and what only one room may do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gscli"
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))

FLOORS = {
    **dict.fromkeys(("errors", "cloud", "fields", "files", "device", "progress", "scratch"), 0),
    **dict.fromkeys(("formats", "mapping", "kernels"), 1),
    **dict.fromkeys(
        (
            "methods",
            "lattice",
            "picking",
            "grid",
            "memory",
            "spilled",
            "tiles",
            "cache",
            "neighbors",
            "spacing",
        ),
        2,
    ),
    # 3: the tools and the training helpers, which is everything else
    "report": 4,
    "batch": 5,
    "cli": 6,
}
OPEN = ("__init__", "__main__")  # these two open the doors to all floors
LONGEST = 350  # lines; aim for 250


def floor(name: str) -> int:
    return FLOORS.get(name, 3)


def imports(source: str, module: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a module imports, at its top or in a function.

    Args:
        source: its text.
        module: its place in the package, such as ``cli/resample.py``.
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
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo.extend(node.orelse)
            continue
        todo.extend(ast.iter_child_nodes(node))


def steps_up(source: str, module: Path) -> list[str]:
    """The imports of a module that reach a higher floor than its own."""
    own = module.parts[0].removesuffix(".py")
    return [
        f"gscli/{module}:{line} imports {name}: floor {floor(own)} reaches up to {floor(name.split('.')[1])}"
        for line, name in imports(source, module)
        if name.startswith("gscli.")
        and not name.split(".")[1].startswith("__")
        and floor(name.split(".")[1]) > floor(own)
    ]


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


def test_only_the_command_line_prints_and_exits() -> None:
    assert [f"gscli/{m}:{line}" for m in each("cli") for line in ends_or_prints(text(m))] == []


def test_only_the_device_module_asks_torch_about_gpus() -> None:
    assert [str(module) for module in each("device") if "torch.cuda" in text(module)] == []


def test_no_module_imports_the_gpl_licensed_plyfile() -> None:
    names = {(module, name.split(".")[0]) for module in MODULES for _, name in imports(text(module), module)}
    assert [str(module) for module, name in names if name == "plyfile"] == []


def test_a_module_can_be_read_in_one_sitting() -> None:
    lines = {str(module): len(text(module).splitlines()) for module in MODULES}
    assert {module: count for module, count in lines.items() if count > LONGEST} == {}


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
        "from ..formats import read",
        "import gscli.cloud",
        "import report",
        "if TYPE_CHECKING:\n    from ..resample import Resampled",
    ],
)
def test_a_step_down_or_sideways_is_left_alone(line: str) -> None:
    assert steps_up(line, Path("kernels/cells.py")) == []


@pytest.mark.parametrize("line", ["print(1)", "sys.exit(2)", "raise SystemExit(3)", "def f():\n    exit()"])
def test_printing_and_exiting_are_found(line: str) -> None:
    assert len(ends_or_prints(line)) >= 1
    assert ends_or_prints("pprint(1); sys.exit; raise OSError") == []
