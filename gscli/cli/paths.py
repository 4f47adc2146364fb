"""What a parameter says of files: the type of every option and argument that names some.

Commands take the path as it is given. Others ask the type: a batch, which file has to be looked at again
before work is taken for done; the rule for streams, what a command is run for.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from .. import files

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_NO_OPTION = "\0"  # what no word of a command line can hold


def unlike_options(word: str) -> str:
    """A word of the command line as Click may see it: ``-::FORMAT`` is a stream, and looks like an option."""
    return _NO_OPTION + word if word.startswith(files.STANDARD + files.PART) else word


class Path(click.types.StringParamType):
    """A path as it is given: a shell completes it, and what opens it says what is wrong with it."""

    completed_as = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        told = super().convert(value, param, ctx)
        return told.removeprefix(_NO_OPTION) if isinstance(told, str) else told

    def located(self, value: str, root: str) -> str:
        """A value that was written down in the folder `root`, for whoever is elsewhere."""
        return os.path.abspath(os.path.join(root, value))

    def file_read(self, value: str) -> str | None:
        """The input file that a located value names; None where it names none."""
        return None

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter | None, incomplete: str
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type=self.completed_as)]


class Folder(Path):
    """A folder that is neither read nor written as such."""

    completed_as = "dir"


class Pattern(Path):
    """A path or a glob, which stays as it is: only what finds its matches knows the folder it is in."""

    def located(self, value: str, root: str) -> str:
        return value


class Input(Path):
    """A file or folder that is read."""

    def file_read(self, value: str) -> str | None:
        return value


class InSource(Input):
    """A file that is read, or the name of one in the folder of SOURCE where there is none of that path."""

    def located(self, value: str, root: str) -> str:
        path = super().located(value, root)
        return path if os.path.exists(path) else value

    def file_read(self, value: str) -> str | None:
        return value if os.path.isabs(value) else None


class Pair(Input):
    """How Gaussians are paired: a word, or ``index:FILE`` with a file that is read."""

    def located(self, value: str, root: str) -> str:
        path = self.file_read(value)
        return value if path is None else f"index:{super().located(path, root)}"

    def file_read(self, value: str) -> str | None:
        from ..comparing import pairing

        return pairing.parse(value).path

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter | None, incomplete: str
    ) -> list[CompletionItem]:
        import glob

        from click.shell_completion import CompletionItem

        kind, colon, path = incomplete.partition(":")
        if kind == "index" and colon:
            found = sorted(glob.glob(f"{glob.escape(path)}*"))
            words = [f"index:{each}{'/' * os.path.isdir(each)}" for each in found]
        else:
            words = [word for word in ("nearest", "rows", "index:") if word.startswith(incomplete)]
        return [CompletionItem(word) for word in words]


class Output(Path):
    """A file that is written, or a folder of such files.

    Attributes:
        folder: whether it is a folder.
        product: whether it is what the command is run for, and not beside that.
        binary: whether it is nothing that a terminal could show.
    """

    def __init__(self, *, folder: bool = False, product: bool = False, binary: bool = False) -> None:
        self.folder, self.product, self.binary = folder, product, binary
        self.completed_as = "dir" if folder else "file"


INPUT, IN_SOURCE, PAIR = Input(), InSource(), Pair()
TARGET, TARGET_FOLDER = Output(product=True, binary=True), Output(product=True, folder=True)
OUTPUT, DATA, OUTPUT_FOLDER = Output(), Output(binary=True), Output(folder=True)
PAGE = Output(product=True)
FOLDER, PATTERN = Folder(), Pattern()
