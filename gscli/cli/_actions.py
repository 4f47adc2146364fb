"""Options that are actions, done in the order in which they stand on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
from click.core import ParameterSource

from . import paths
from ._valued_flag import ValuedFlag

ORDER = "gscli.order"  # in the meta of contexts: the names of actions as they were typed


class Action(click.Option):
    """An option that may be repeated, and whose place among the others counts."""

    def __init__(self, param_decls: Sequence[str], **settings: Any) -> None:
        super().__init__(param_decls, multiple=True, **settings)

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Have the order noted in which options are parsed."""
        super().add_to_parser(parser, ctx)
        _note_order(parser, ctx)


class FlagAction(ValuedFlag, Action):
    """An action that may be told more, behind ``=``; in a job file it may also be true."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        given = value if isinstance(value, (list, tuple)) else () if value is None else (value,)
        return super().type_cast_value(ctx, [self.bare if each in (True, "true") else each for each in given])


def _note_order(parser: Any, ctx: click.Context) -> None:
    if ORDER in ctx.meta and ctx.meta[ORDER][0] is parser:
        return
    parse = parser.parse_args
    ctx.meta[ORDER] = (parser, [])

    def parse_args(args: list[str]) -> Any:
        found = parse(args=args)
        ctx.meta[ORDER] = (parser, [each.name for each in found[2] if isinstance(each, Action)])
        return found

    parser.parse_args = parse_args


def in_order(ctx: click.Context) -> list[tuple[Action, Any, bool]]:
    """The actions of a context, each with its value and whether that is written down in a job file.

    First come those of a job file, in its order, unless the command line has the same; then those typed.
    """
    actions = {str(each.name): each for each in ctx.command.params if isinstance(each, Action)}
    written = [name for name in ctx.default_map or () if name in actions]
    found = [
        (actions[name], value, True)
        for name in written
        if ctx.get_parameter_source(name) == ParameterSource.DEFAULT_MAP
        for value in ctx.params[name]
    ]
    values = {name: iter(ctx.params[name]) for name in actions}
    typed = ctx.meta.get(ORDER, (None, []))[1]
    return found + [(actions[name], next(values[name]), False) for name in typed]


def told(ctx: click.Context) -> list[tuple[str, Any]]:
    """The actions of a context by their names, with their values, in their order."""
    return [(str(action.name), value) for action, value, _ in in_order(ctx)]


def given(
    ctx: click.Context, located: Callable[[Any, Any, bool], Any]
) -> Iterator[tuple[str, Any, str | None]]:
    """What the actions of a context are to a batch, as parameters by name, and the file that one names.

    All of them are one, ``actions``, but for the paths in them, which stand in others, as ``merge[2]``.

    Args:
        located: a value of a type where it is, given whether it is written down in a job file.
    """
    found: list[list[Any]] = []
    for action, value, written in in_order(ctx):
        value = located(action.type, value, written)
        if isinstance(action.type, paths.Path):
            yield f"{action.name}[{len(found)}]", value, action.type.file_read(value)
            value = None
        found.append([action.name, value])
    if found:
        yield "actions", found, None
