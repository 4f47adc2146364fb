"""A flag that may be told more: ``--drop-invalid``, or ``--drop-invalid=gaussians``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from . import paths

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class ValuedFlag(click.Option):
    """Its value stands behind ``=``, and never in the next word, which is an argument of its own.

    That of the flag alone is True to the command; in job files true and false will do as well.

    Args:
        bare: the value of the flag alone.
    """

    def __init__(self, param_decls: Sequence[str], *, bare: str, **settings: Any) -> None:
        super().__init__(param_decls, **settings)
        self.bare = bare

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """The value, or True for that of the flag alone."""
        if isinstance(value, bool) or value in ("true", "false"):
            return value in (True, "true")
        word = super().type_cast_value(ctx, value)
        return True if word == self.bare else word

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Have the flag alone parsed as if its value stood there."""
        super().add_to_parser(parser, ctx)
        parse = parser.parse_args

        def parse_args(args: list[str]) -> Any:
            end = args.index("--") if "--" in args else len(args)
            told = [f"{word}={self.bare}" if word in self.opts else word for word in args[:end]]
            return parse(args=[*told, *args[end:]])

        parser.parse_args = parse_args

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        return record and (record[0].replace(" [=", "[="), record[1])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The values that begin so, or else what may follow the flag: a file."""
        found = super().shell_complete(ctx, incomplete)
        return found if found and incomplete else found + paths.INPUT.shell_complete(ctx, self, incomplete)
