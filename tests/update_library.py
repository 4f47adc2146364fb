"""Write docs/library.md, the reference of what is public, from docstrings: python tests/update_library.py

A module is public if it has an ``__all__``, and what that names is public. A name that is at home in another
public module is documented there. Of a class, its own methods and properties without an underscore are shown.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "library.md"
WIDTH = 88  # columns of a signature on one line
SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises):$", re.MULTILINE)
TITLES = {"Args": "Arguments"}
ENTRY = r"\*{0,2}\w+(?:, \*{0,2}\w+)*: "
ASIDE = re.compile(
    r"\n\nOne module: [^\n]*(?:\n[^\n]+)*"
)  # why the source is one file, of no use to a caller
INTRODUCTION = """\
# The library

<!-- Written by `make docs` from the docstrings; change those. -->

All that is public; whatever is not on this page may change without notice. Functions neither print nor exit:
what goes wrong is a `GscliError`, whose text is one line and whose `exit_code` is
[that of the command line](machine.md#exit-codes). `(N, 3)` is the shape of an array with N rows.
"""


class Public(NamedTuple):
    """A documented object: its import path, what it is, and the section that shows it."""

    path: str
    value: Any
    module: str


class Docstring(NamedTuple):
    """A docstring taken apart: sections in order, each a title and its text; the first has no title."""

    sections: tuple[tuple[str, str], ...]

    def entries(self, title: str) -> list[tuple[list[str], str]]:
        """The entries of a section such as Args: the names each is about, and what it says of them.

        An entry starts a line, or follows another one on its line after a full stop or a semicolon.
        """
        text = dict(self.sections).get(title, "")
        starts = rf"(?:^|(?<=[.;]) )(?={ENTRY})"
        flat = re.sub(r"\n+ +(?! |- )", " ", text)
        found = []
        for part in re.split(starts, flat, flags=re.MULTILINE):
            if part.strip():
                names, _, said = part.strip().partition(": ")
                found.append(([name.strip("*") for name in names.split(", ")], said.rstrip(";")))
        return found


def taken_apart(text: str) -> Docstring:
    """The sections of a docstring as `inspect.getdoc` returns it, each without its indentation."""
    pieces = SECTION.split(text)
    sections = [("", pieces[0].strip())]
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        inside, after = re.fullmatch(r"\n((?:(?: .*)?\n)*(?: .*)?)((?:.|\n)*)", body).groups()  # type: ignore[union-attr]
        sections.append((title, textwrap.dedent(inside).strip()))
        if after.strip():
            sections.append(("", after.strip()))
    return Docstring(tuple(sections))


def public_modules() -> list[ModuleType]:
    """Every module of gscli with an ``__all__``, the package itself first."""
    package = ROOT / "gscli"
    sources = [
        path for path in package.rglob("*.py") if re.search(r"^__all__\b", path.read_text("utf-8"), re.M)
    ]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sources]
    return [import_module(name) for name in sorted(name.removesuffix(".__init__") for name in names)]


def public() -> list[Public]:
    """Everything that the page documents, in its order, each once, where it is at home."""
    modules = public_modules()
    homes = {f"{module.__name__}.{name}" for module in modules for name in module.__all__}
    found = []
    for module in modules:
        for name in module.__all__:
            value = getattr(module, name)
            home = f"{getattr(value, '__module__', None)}.{name}"
            elsewhere = home != f"{module.__name__}.{name}" and home in homes
            if not name.startswith("_") and not isinstance(value, ModuleType) and not elsewhere:
                found.append(Public(f"{module.__name__}.{name}", value, module.__name__))
    return found


def members(owner: Public) -> Iterator[Public]:
    """The public methods and properties that a class itself defines, in the order of its source."""
    if not inspect.isclass(owner.value):
        return
    for name, raw in vars(owner.value).items():
        value = raw.__func__ if isinstance(raw, classmethod | staticmethod) else raw
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
            yield Public(f"{owner.path.rpartition('.')[2]}.{name}", raw, owner.module)


def documented() -> list[Public]:
    """Everything on the page that needs a docstring, members of classes included."""
    return [shown for owner in public() for shown in (owner, *members(owner))]


def parameters(item: Public) -> list[str] | None:
    """The names of what a caller passes; None for what is not called by its user.

    Dataclasses without a section Args are results: nobody makes them.
    """
    value = item.value.__func__ if isinstance(item.value, classmethod | staticmethod) else item.value
    if inspect.isclass(value):
        made = "Args" in dict(taken_apart(inspect.getdoc(value) or "").sections)
        return list(inspect.signature(value).parameters) if made else None
    if not inspect.isfunction(value):
        return None
    return [name for name in inspect.signature(value).parameters if name not in ("self", "cls")]


def fields(item: Public) -> dict[str, str]:
    """The fields of a dataclass and their types as its source has them."""
    if not (inspect.isclass(item.value) and dataclasses.is_dataclass(item.value)):
        return {}
    return {field.name: str(field.type) for field in dataclasses.fields(item.value)}


def disagreements(item: Public) -> list[str]:
    """Where a docstring departs from its signature: parameters it leaves out, and names that are none.

    Up to two parameters may be explained in the text, without a section Args.
    """
    said = taken_apart(inspect.getdoc(item.value) or "")
    wanted = parameters(item)
    named = [name for names, _ in said.entries("Args") for name in names]
    wrong = [f"{item.path} has no {name}" for name in named if name not in (wanted or [])]
    wrong += [f"{item.path} documents {name} twice" for name in sorted(set(named)) if named.count(name) > 1]
    if wanted is not None and (named or len(wanted) > 2):
        wrong += [f"{item.path} lacks {name}" for name in wanted if name not in named]
    attributes = [name for names, _ in said.entries("Attributes") for name in names]
    known = {*fields(item), *dir(item.value)}
    return wrong + [f"{item.path} has no {name}" for name in attributes if fields(item) and name not in known]


def signature(item: Public) -> str:
    """A call as its user writes it, one parameter a line where it is long."""
    value = item.value
    if isinstance(value, property):
        returns = inspect.signature(value.fget).return_annotation if value.fget else inspect.Signature.empty
        return item.path if returns is inspect.Signature.empty else f"{item.path}: {returns}"
    if isinstance(value, classmethod | staticmethod):
        value = value.__func__
    found = inspect.signature(value)
    kept = [p for name, p in found.parameters.items() if name not in ("self", "cls")]
    shown = [written(parameter) for parameter in kept]
    kinds = [p.kind for p in kept]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        shown.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    empty = found.return_annotation in (inspect.Signature.empty, "None") or inspect.isclass(item.value)
    returns = "" if empty else f" -> {found.return_annotation}"
    line = f"{item.path}({', '.join(shown)}){returns}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{item.path}(", *(f"    {p}," for p in shown), f"){returns}"])


def written(parameter: inspect.Parameter) -> str:
    """A parameter as source has it: types are text already, a function is its name."""
    default = parameter.default
    if inspect.isfunction(default):
        default = type("Name", (), {"__repr__": lambda _: parameter.default.__name__})()
    return re.sub(r"(: )'([^']*)'", r"\1\2", str(parameter.replace(default=default)))


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def links() -> dict[str, str]:
    """For every way that docstrings call something on the page, the anchor of its heading."""
    found: dict[str, str] = {}
    for item in documented():
        name = item.path.rpartition(".")[2] if item in public() else item.path
        found.setdefault(name, anchor(item.path))
        for module in (item.module, getattr(item.value, "__module__", item.module)):
            found.setdefault(f"{module}.{name}", anchor(item.path))
    return found


def markdown(text: str, known: dict[str, str], own: str = "") -> str:
    """Docstring text as Markdown: what names something on the page is linked, examples are blocks.

    Args:
        own: the class whose members may be called by their bare names.
    """

    def linked(match: re.Match[str]) -> str:
        code = match["code"] or match["name"]
        target = None if match["code"] else known.get(f"{own}.{code}") or known.get(code)
        return f"[`{code}`](#{target})" if target else f"`{code}`"

    blocks = [f"```pycon\n{block}\n```" if block.startswith(">>>") else block for block in text.split("\n\n")]
    return re.sub(r"``(?P<code>[^`]+)``(?!`)|(?<!`)`(?P<name>[^`\n]+)`(?!`)", linked, "\n\n".join(blocks))


def described(item: Public, known: dict[str, str], level: int) -> Iterator[str]:
    """The paragraphs of one object: heading, call, and what its docstring says."""
    owner = item.path.split(".")[-1 if level == 3 else 0]
    said = taken_apart(inspect.getdoc(item.value) or "")
    made = parameters(item)
    yield f"{'#' * level} {item.path}"
    if made is not None or not inspect.isclass(item.value):
        yield f"```py\n{signature(item)}\n```"
    for title, text in said.sections:
        if title in ("Args", "Raises"):
            yield f"{TITLES.get(title, title)}:"
            yield "\n".join(listed(said.entries(title), known, owner))
        elif title != "Attributes" and text:
            yield f"{title}: {markdown(text, known, owner)}" if title else markdown(text, known, owner)
    types = fields(item) if made is None else {}
    entries = said.entries("Attributes")
    told = {name for names, _ in entries for name in names}
    if told or types:
        yield "Attributes:"
        untold = [([name], "") for name in types if name not in told]
        order = [*types, *(name for names, _ in entries for name in names if name not in types)]
        everything = sorted(untold + entries, key=lambda entry: order.index(entry[0][0]))
        yield "\n".join(listed(everything, known, owner, types))


def listed(
    entries: list[tuple[list[str], str]],
    known: dict[str, str],
    owner: str,
    types: dict[str, str] | None = None,
) -> Iterator[str]:
    types = types or {}
    for names, said in entries:
        shown = ", ".join(f"`{name}: {types[name]}`" if name in types else f"`{name}`" for name in names)
        text = re.sub(r"\n+ +- ", "\n  - ", markdown(said, known, owner))
        yield f"- {shown}{': ' if said else ''}{text}"


def contents() -> Iterator[str]:
    """A table of the modules, each with the first line of its docstring."""
    yield "| module | what it is |\n|---|---|"
    for module in public_modules():
        first = (inspect.getdoc(module) or "").partition("\n")[0]
        yield f"| [`{module.__name__}`](#{anchor(module.__name__)}) | {first.replace('``', '`')} |"


def page() -> str:
    """The whole of docs/library.md."""
    known, everything = links(), public()
    out = [INTRODUCTION.rstrip(), "\n".join(contents())]
    for module in public_modules():
        here = [item for item in everything if item.module == module.__name__]
        out += [f"## {module.__name__}", markdown(ASIDE.sub("", inspect.getdoc(module) or ""), known)]
        shown = {item.path.rpartition(".")[2] for item in here}
        elsewhere = [name for name in module.__all__ if not name.startswith("_") and name not in shown]
        if elsewhere:
            out.append(f"Also here: {', '.join(markdown(f'`{name}`', known) for name in elsewhere)}.")
        for item in here:
            out += described(item, known, 3)
            for member in members(item):
                out += described(member, known, 4)
    return "\n\n".join(out) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
