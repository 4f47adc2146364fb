"""What to do about a usage that Click refuses, and about what the system does, in a few words."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import click

from .. import files
from ..errors import GscliError
from .options import NotOneOf


def of_system(error: OSError) -> GscliError:
    """The error to tell for one that nothing has told: files that were looked for say which they are."""
    lost = isinstance(error, FileNotFoundError)
    if error.filename is None and lost:
        return GscliError("the current folder is gone", remedy="change to one that is there")
    if isinstance(error.filename, str) and (lost or isinstance(error, PermissionError)):
        return files.unreadable(error.filename, error)
    number = error.errno or 0
    full = error.filename is None and number in (errno.ENOSPC, errno.EFBIG, errno.EIO)
    return GscliError(
        f"cannot be written ({error.strerror})" if full else str(error.strerror or error),
        path="<stdout>" if full else error.filename,
        remedy=files.LACKING.get(number),
    )


def remedy(error: click.UsageError) -> str | None:
    """The place where a word would be understood, the one that was probably meant, or else where to look."""
    if isinstance(error, NotOneOf) and error.meant is not None:
        return f"did you mean {error.meant}?"
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        found = _elsewhere(error.option_name, error.ctx) or _meant(error)
        if found is not None:
            return found
    near = getattr(error, "possibilities", None)  # of a command of a group, from Click 8.4 on
    if near:
        return f"did you mean {near[0]}?"
    return None if error.ctx is None else f"see {error.ctx.command_path} --help"


def _meant(error: click.NoSuchOption) -> str | None:
    """The option that is spelt alike, or the only one that starts with the letter, as ``-s`` for --seed."""
    name, near = error.option_name, list(error.possibilities or ())
    if len(name) == 2 and error.ctx is not None:
        near = [option for option in _options(error.ctx.command) if option.startswith(f"-{name}")]
        near = near if len(near) == 1 else []
    return f"did you mean {near[0]}?" if near else None


def _elsewhere(option: str, ctx: click.Context) -> str | None:
    """The command that has an option, where it is one or the options stand before it."""
    root = ctx.find_root()
    having = [name for name, command in _commands(root) if option in _options(command)]
    if having and ctx is root:
        return f"options stand behind the command, as in {root.command_path} {having[0]} {option}"
    return f"{root.command_path} {having[0]} has it" if len(having) == 1 else None


def _commands(ctx: click.Context) -> Iterator[tuple[str, click.Command]]:
    group = ctx.command
    for name in group.list_commands(ctx) if isinstance(group, click.Group) else ():
        command = group.get_command(ctx, name) if isinstance(group, click.Group) else None
        if command is not None:
            yield name, command


def _options(command: click.Command) -> list[str]:
    return [name for each in command.params if isinstance(each, click.Option) for name in each.opts]
