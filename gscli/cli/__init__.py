"""The command line. One module per command: the directory is the list of commands.

A command parses, calls a library function and prints what it returns. Modules here import Click and
nothing heavy: ``gscli --help`` loads them all.
"""

from __future__ import annotations

import pkgutil
import signal
import sys
import warnings
from importlib import import_module
from typing import Any

import click

from .. import __version__
from ..errors import GscliError

_HELPERS = ("options", "show")


class _Failure(click.ClickException):
    """An expected failure as Click ends a command with it: one line and an exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.__dict__["exit_code"] = exit_code  # a class variable of Click's, an instance's here

    def show(self, file: Any = None) -> None:
        click.echo(f"gscli: error: {self.message}", err=True)


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
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), 1)
            if near:
                raise click.UsageError(f"{error.message} Did you mean {near[0]}?", ctx) from None
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GscliError as error:
            raise _Failure(str(error), error.exit_code) from None
        except BrokenPipeError:
            raise
        except OSError as error:  # a file's are told where it is opened; this is a stream, or the system
            raise _Failure(f"{error.strerror or error}", 1) from None
        except MemoryError as error:
            raise _Failure(f"out of memory ({error}); free some, or use a smaller input", 1) from None
        except KeyboardInterrupt:
            click.echo("gscli: interrupted", err=True)
            ctx.exit(128 + signal.SIGINT)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    click.echo(f"gscli: warning: {message}", err=True)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gscli")
def main() -> None:
    """Thin 3D Gaussian Splatting scenes and point clouds without regard to density, and compare them.

    \b
    Examples:
      gscli info scene.ply
      gscli resample scene.ply half.ply
      gscli demo
    """
    warnings.showwarning = _show_warning


def run() -> None:
    """The installed program: `main`, with an interrupt at any moment ending quietly in status 130."""
    try:
        main(prog_name="gscli")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
