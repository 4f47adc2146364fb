"""How the command line spells an argument of the library.

``seed`` is ``--seed``, ``source`` is SOURCE, ``device='cpu'`` is ``--device cpu``, and a flag has no value:
``overwrite=True`` is ``--overwrite``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import click

from ..errors import spell


@cache
def spellings(group: click.Group) -> dict[str, str]:
    """The option or argument of each parameter of the commands of a group, by the library's name for it."""
    return {name: spelt for command in _commands(group) for name, spelt in _own(command)}


def spelt(argument: str, group: click.Group) -> str:
    """An argument, a name or ``name=value``, as the commands of a group have it."""
    name, _, value = argument.partition("=")
    option = spellings(group).get(name, name)
    return option if value in ("", "True", "False") else f"{option} {value.strip(chr(39))}"


def translated(text: str) -> str:
    """Text with every argument that it marks as the command line has it that runs."""
    program = click.get_current_context().find_root().command
    assert isinstance(program, click.Group)
    return spell(text, lambda argument: spelt(argument, program))


def _commands(group: click.Group) -> Iterator[click.Command]:
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if isinstance(command, click.Group):
            yield from _commands(command)
        elif command is not None:
            yield command


def _own(command: click.Command) -> Iterator[tuple[str, str]]:
    for parameter in command.params:
        if parameter.name is not None:
            is_option = isinstance(parameter, click.Option)
            yield parameter.name, max(parameter.opts, key=len) if is_option else parameter.human_readable_name
