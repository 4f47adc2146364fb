"""How commands show things, and on which stream.

Stdout carries what was asked for: data, a JSON document, or the answer of a command that answers a question.
Stderr carries everything else: progress, warnings, errors, and what a command that writes files remarks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from .. import files
from ..errors import GateMissed, UsageError, printable
from ..files import changes
from ..progress import Track, silent
from . import _bars, options, paths

if TYPE_CHECKING:
    from ..comparing.gates import Gate

TYPED = "gscli.typed"  # in the meta of contexts: the words of the command line


def typed() -> tuple[str, ...] | None:
    """The words of the command line, as they were typed; None where a command was called without one."""
    return click.get_current_context().meta.get(TYPED)


def track(quiet: bool) -> Track:
    """What a command is at and how far it is, on a terminal; nothing elsewhere."""
    return silent if quiet or not on_terminal() else _bars.track


def on_terminal() -> bool:
    """Whether somebody sees stderr as it is written; it may also be closed."""
    return sys.stderr is not None and sys.stderr.isatty()


def refuse_mixing() -> None:
    """Refuse two documents on one stdout, and binary data on a terminal."""
    ctx = click.get_current_context()
    for one in ctx.command.params:
        binary = isinstance(one.type, paths.Output) and one.type.binary
        if binary and _on_a_terminal(ctx.params.get(str(one.name))):
            what = f"{_spelt(one)} is binary data, which a terminal cannot show"
            raise UsageError(what, remedy="name a file, or pipe it on")
    if len(both := _on_stdout(ctx)) > 1:
        aside = "give a file name, or --report FILE for the JSON"
        remedy = aside if any(isinstance(one.type, paths.Output) for one in both) else "drop one"
        raise UsageError(f"stdout can carry one thing, not {' and '.join(map(_spelt, both))}", remedy=remedy)


def _on_stdout(ctx: click.Context) -> list[click.Parameter]:
    """The parameters that send a document or an output to stdout, as they were given."""
    return [one for one in ctx.command.params if _is_stdout(one, ctx.params.get(str(one.name)))]


def _on_a_terminal(output: str | None) -> bool:
    number = None if output is None else files.descriptor(files.before_part(output))
    return number is not None and os.isatty(number)


def _is_stdout(parameter: click.Parameter, value: Any) -> bool:
    if isinstance(parameter.type, paths.Output) and not parameter.type.folder:
        return value is not None and files.descriptor(files.before_part(value)) == 1
    return isinstance(parameter, options.ToStdout) and bool(value)


def _spelt(parameter: click.Parameter) -> str:
    return parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name


def _writes(ctx: click.Context) -> bool:
    """Whether a command is run for the files that it writes; a dry run is for what it says."""
    types = [parameter.type for parameter in ctx.command.params]
    product = any(isinstance(each, paths.Output) and each.product for each in types)
    return product and not ctx.params.get("dry_run")


def summary(shown: Iterable[str]) -> None:
    """Show people what a command found: an answer on stdout, unless that is taken, or a remark on stderr."""
    ctx = click.get_current_context()
    aside = _writes(ctx) or bool(_on_stdout(ctx))
    for line in shown:
        tell(line, aside=aside)


def tell(line: str, *, aside: bool = True) -> None:
    """Tell people something, on stderr unless it is no aside.

    Who no longer reads has seen enough, and an aside may find a full disk: what else is said goes nowhere,
    and the work and its status count.
    """
    good = getattr(line, "good", None) if os.environ.get("NO_COLOR", "") == "" else None
    try:  # what file names hold cannot break lines or steer the terminal
        if good is None:
            click.echo(printable(line), err=aside)
        else:  # where it is no terminal, Click leaves the colour out
            click.secho(printable(line), err=aside, fg="green" if good else "red")
    except OSError as error:
        if not aside and not isinstance(error, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2 if aside else 1)


def remark(line: str) -> None:
    """Tell people something while a command is at work."""
    _bars.wipe()
    tell(line)


def result(
    document: dict[str, Any],
    told: Iterable[str],
    *,
    as_json: bool,
    report: str | None = None,
    quiet: bool = False,
    overwrite: bool = False,
) -> None:
    """Show a result: as JSON where asked for, otherwise as the lines that tell it to people.

    Args:
        report: where the JSON document goes as well.
    """
    from ..results import documents

    changes.refuse()
    try:
        if report is not None:
            documents.write(report, document, overwrite=overwrite)
    finally:  # the work is done, and told, even where the disk has no room for a report of it
        if as_json:
            documents.write(files.STANDARD, document, overwrite=True)
        elif not quiet:
            summary(told)


def gates(checked: Sequence[Gate]) -> None:
    """End with the exit code of a missed gate if one was missed."""
    missed = [str(gate) for gate in checked if not gate.passed]
    if missed:
        raise GateMissed("; ".join(missed))
