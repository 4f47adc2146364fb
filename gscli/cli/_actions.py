"""Options that are actions, done in the order in which they stand on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click
from click.core import ParameterSource

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
    """An action that may be told more, behind ``=``."""


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


def in_order(ctx: click.Context) -> list[tuple[str, Any]]:
    """The actions of a context with their values: a job file's first, in its order, then those typed."""
    found = [(name, value) for name, values in _written(ctx) for value in values]
    typed: dict[str, Iterator[Any]] = {}
    for name in ctx.meta.get(ORDER, (None, []))[1]:
        values = typed.setdefault(name, iter(ctx.params[name]))
        found.append((name, next(values)))
    return found


def _written(ctx: click.Context) -> Iterator[tuple[str, Any]]:
    """The actions of a job file that none of the same name on the command line takes the place of."""
    actions = {each.name for each in ctx.command.params if isinstance(each, Action)}
    for name in ctx.default_map or ():
        if name in actions and ctx.get_parameter_source(name) == ParameterSource.DEFAULT_MAP:
            yield name, ctx.params[name]
