"""The command line. One module per command: the directory is the list of commands.

A command parses, calls a library function and prints what it returns. Modules here import Click and
nothing heavy: ``gscli --help`` loads them all.
"""

from __future__ import annotations

import pkgutil
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from ..errors import GscliError, UsageError, most_like
from ..files import changes
from ..runtime import libraries
from ..version import __version__
from . import _interrupts, paths, show
from ._remedies import of_system, remedy
from ._spelling import spelt

_HELPERS = ("options", "paths", "show", "viewpoints")


class _Failure(click.ClickException):
    """An expected failure as Click ends a command with it: one line and an exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.__dict__["exit_code"] = exit_code  # a class variable of Click's, an instance's here

    def show(self, file: Any = None) -> None:
        show.tell(f"gscli: error: {self.message}")


@contextmanager
def _one_line(running: Callable[[], click.Command]) -> Iterator[None]:
    """Turn what is expected to fail, and Click's own complaints, into one line in a command's words."""
    try:
        yield
    except GscliError as error:
        command = running()
        raise _Failure(error.told(lambda argument: spelt(argument, command, main)), error.exit_code) from None
    except getattr(click.exceptions, "NoArgsIsHelpError", ()):  # new in Click 8.2: shows the help
        raise
    except click.UsageError as error:
        what = error.message if isinstance(error, click.NoSuchOption) else error.format_message()
        told = UsageError(what[:1].lower() + what[1:].rstrip("."), remedy=remedy(error))
        raise _Failure(str(told), told.exit_code) from None
    except BrokenPipeError:
        raise
    except OSError as error:  # a file's are told where it is opened; this is a stream, or the system
        said = of_system(error)
        raise _Failure(str(said), said.exit_code) from None


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        found = (m.name for m in pkgutil.iter_modules(__path__))
        return sorted(name for name in found if name not in _HELPERS and not name.startswith("_"))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{__name__}.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            if near := most_like(args[0], self.list_commands(ctx)):
                raise UsageError(f"no such command {args[0]!r}", remedy=f"did you mean {near}?") from None
            raise

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for before, arg in zip(["", *args], [] if ctx.resilient_parsing else args, strict=False):
            if arg == "" or (arg.startswith("--") and arg.endswith("=")):
                option = arg[:-1] or (before if before.startswith("-") else "an argument")
                raise UsageError(f"{option} is empty", remedy="check the variables that it comes from")
        ctx.meta[show.TYPED] = ("gscli", *args)
        return super().parse_args(ctx, [*args[:1], *map(paths.unlike_options, args[1:])])

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            with _one_line(lambda: self):
                return super().make_context(*args, **extra)
        except KeyboardInterrupt:  # which Click ends in another status
            _interrupts.tell()
            raise click.exceptions.Exit(_interrupts.status()) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with (
                _one_line(lambda: self.get_command(ctx, ctx.invoked_subcommand or "") or self),
                changes.noticed(),
            ):
                return super().invoke(ctx)
        except (ImportError, MemoryError) as error:
            if not libraries.lacks_memory(error):
                raise
            told = f" ({error})" if str(error) and isinstance(error, MemoryError) else ""
            raise _Failure(f"out of memory{told}; free some, or use a smaller input", 1) from None
        except KeyboardInterrupt:
            _interrupts.tell()
            ctx.exit(_interrupts.status())


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    told = " ".join(str(message).split())
    if (
        issubclass(category, RuntimeWarning) and " encountered in " in told
    ):  # NumPy's, about no file of anybody's
        told = f"some values are too large to calculate with, or no numbers, and stay so ({told})"
    show.remark(f"gscli: warning: {told}")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gscli")
def main() -> None:
    """Thin 3D Gaussian Splatting scenes and point clouds density-invariantly, and compare them.

    \b
    Examples:
      gscli info scene.ply
      gscli resample scene.ply half.ply
      gscli demo
    """
    warnings.showwarning = _show_warning


def run(*arguments: str) -> None:
    """The installed program: `main`, which an interrupt at any moment ends soon, in a status of its own."""
    try:
        _interrupts.end_soon()
        changes.guard()
        main(arguments or None, prog_name="gscli")
    except KeyboardInterrupt:
        _interrupts.tell()
        sys.exit(_interrupts.status())
