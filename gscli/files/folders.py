"""Folders appear whole or not at all, and replace nothing without leave."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import files
from ..errors import GscliError, WriteRefused
from . import changes, temporaries, writing


@contextmanager
def replacing(
    path: str | os.PathLike[str],
    *,
    overwrite: bool,
    refuse: Callable[[Path, Path | None], None],
) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `path`, existing or not, once the block ends.

    Folders above it are made. What the block leaves behind is removed when it raises, and the old folder
    is back then. After a process was killed between the two moves at the end, the old folder is back when
    the same output is written next.

    Args:
        path: the folder.
        overwrite: whether what is there may be replaced; an empty folder always may.
        refuse: raises `WriteRefused` where what is at a path may not go. It is asked beforehand, and about
            what was moved away, with the folder that takes its place, at the end.

    Raises:
        WriteRefused: see `refuse`; or something came while the folder was made.
        GscliError: it cannot be written (no permission, disk full).
    """
    target = Path(os.path.realpath(path))
    temporaries.sweep(target.parent, [target.name])
    refuse(target, None)
    writing.make_folder(target.parent)
    try:
        with temporaries.folder_beside(target) as (new, old):
            with _in_place_of(new, path):
                yield new
            changes.refuse()
            try:
                while True:
                    if overwrite and _moved(target, old, new):
                        refuse(old, new)
                    try:
                        with writing.newcomer_refused(path):
                            temporaries.take_free_place(new, target)
                        break
                    except WriteRefused:
                        if not overwrite:
                            raise
                        refuse(target, new)  # of another run: it may go, as what it took the place of
                        shutil.rmtree(old, ignore_errors=True)
            except BaseException:
                if old.exists() and os.path.lexists(target):
                    kept = old.rename(temporaries.beside(target, ".old"))
                    what = f"appeared while it was made; what was there before is {kept}"
                    raise WriteRefused(what, path=path) from None
                if old.exists():
                    old.rename(target)
                raise
    except OSError as error:
        raise writing.unwritable(path, error) from None


def _moved(target: Path, old: Path, new: Path) -> bool:
    """Move what is at `target` away, its permissions passed on; False where nothing is by then."""
    try:
        temporaries.pass_on_accesses(target, new)
        target.rename(old)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def _in_place_of(new: Path, path: str | os.PathLike[str]) -> Iterator[None]:
    """Let errors about a file in a new folder name the place that it would have had."""
    try:
        yield
    except GscliError as error:
        if error.path is not None and (made := Path(error.path)).is_relative_to(new):
            error.path = os.path.join(files.display_output(path), made.relative_to(new))
            if error.remedy is not None:
                folder = os.path.dirname(os.path.realpath(path))
                error.remedy = error.remedy.replace(os.fspath(made.parent), folder)
        raise
