"""How the command line spells an argument of the library.

``seed`` is ``--seed``, ``source`` is SOURCE, ``device='cpu'`` is ``--device cpu``, and a flag has no value:
``overwrite=True`` is ``--overwrite``, ``drop_invalid='gaussians'`` is ``--drop-invalid=gaussians``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from ..errors import spell
from ._valued_flag import ValuedFlag


def spellings(command: click.Command) -> dict[str, str]:
    """The option or argument of each parameter of a command, by the library's name for it.

    A group has those of all its commands. What a name means is a command's own business: ``target`` is
    TARGET, the reference of compare, and ``--target``, how many points resample keeps.
    """
    return {name: spelt for each in _commands(command) for name, spelt in _own(each)}


def spelt(argument: str, *commands: click.Command) -> str:
    """An argument, a name or ``name=value``, as the first of some commands that has it, or as it is."""
    name, _, value = argument.partition("=")
    option = next((own[name] for own in map(spellings, commands) if name in own), None)
    if option is None:
        return argument
    between = "=" if name in _valued(commands) else " "
    return option if value in ("", "True", "False") else f"{option}{between}{value.strip(chr(39))}"


def translated(text: str) -> str:
    """Text with every argument that it marks as the command that runs has it, or else another one."""
    ctx = click.get_current_context()
    return spell(text, lambda argument: spelt(argument, ctx.command, ctx.find_root().command))


def _commands(command: click.Command) -> Iterator[click.Command]:
    """A command; of a group, the commands in it."""
    if not isinstance(command, click.Group):
        yield command
        return
    ctx = click.Context(command)
    for name in command.list_commands(ctx):
        each = command.get_command(ctx, name)
        if each is not None:
            yield from _commands(each)


def _valued(commands: Iterable[click.Command]) -> set[str | None]:
    """The flags whose values stand behind ``=``."""
    every = (parameter for command in commands for each in _commands(command) for parameter in each.params)
    return {parameter.name for parameter in every if isinstance(parameter, ValuedFlag)}


def _own(command: click.Command) -> Iterator[tuple[str, str]]:
    for parameter in command.params:
        if parameter.name is not None:
            is_option = isinstance(parameter, click.Option)
            yield parameter.name, max(parameter.opts, key=len) if is_option else parameter.human_readable_name
