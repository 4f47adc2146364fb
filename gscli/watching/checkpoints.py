"""The checkpoints that trainers leave in a run's folder, found by the names they give them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files import require_readable

# graphdeco and forks; gsplat; nerfstudio; gaussian-splatting-lightning.
# A number in a folder's name counts for the file in it.
_NAMES = (
    re.compile(r"iteration_(?P<step>\d+)/point_cloud\.ply"),
    re.compile(r"iteration_(?P<step>\d+)/[^/]+\.(?:ply|pickle)"),
    re.compile(r"point_cloud_(?P<step>\d+)\.ply"),
    re.compile(r"chkpnt_?(?P<step>\d+)\.pth"),
    re.compile(r"ckpt_(?P<step>\d+)(?:_rank(?P<rank>\d+))?\.pt"),
    re.compile(r"step-(?P<step>\d+)\.ckpt"),
    re.compile(r"epoch=\d+-step=(?P<step>\d+)(?:-rank=(?P<rank>\d+))?\.ckpt"),
)
DEEPEST = 3  # folders below a run that are looked into
PART = "::"


@dataclass(frozen=True)
class Checkpoint:
    """One model as of one step.

    Attributes:
        step: the iteration in its name.
        path: the file to read, with ``::part`` where the run was named so.
        files: every file of the model; several ranks make one.
        missing: how many ranks fewer than the most of another step.
    """

    step: int
    path: str
    files: tuple[Path, ...]
    missing: int = 0

    def state(self) -> tuple[tuple[int, int], ...]:
        """Size and time of change of every file.

        Raises:
            FileNotFoundError: the trainer deleted one.
        """
        found = (file.stat() for file in self.files)
        return tuple((s.st_size, s.st_mtime_ns) for s in found)


def checkpoints(run: str | os.PathLike[str]) -> dict[int, Checkpoint]:
    """The checkpoint of each step in a run's folder; of several for one step, the first kind of the list.

    ``iteration_30000/point_cloud.ply``, ``point_cloud_30000.ply``, ``chkpnt30000.pth``,
    ``ckpt_29999_rank0.pt`` (with all ranks), ``step-000029999.ckpt``, ``epoch=300-step=30000.ckpt``
    (likewise), up to three folders down.

    Args:
        run: a folder, which need not exist yet; ``FOLDER::part`` takes that model of each file.

    Raises:
        InputError: it is a file, or holds checkpoints of several models.
    """
    folder, _, part = os.fspath(run).partition(PART)
    if Path(folder).is_file():
        raise InputError("is a file, not the folder of a run", path=folder, remedy="name the folder")
    ranks: dict[tuple[int, int], dict[int, Path]] = {}
    homes: dict[int, tuple[str, Path]] = {}  # of each kind, with a file that is there
    for path, name in _files(Path(folder), DEEPEST):
        for kind, pattern in enumerate(_NAMES):
            match = pattern.fullmatch(name) or pattern.fullmatch(path.name)
            if match:
                rank = int(match.groupdict().get("rank") or 0)
                # By its real path: of links such as "latest", one model is seen twice.
                home = os.path.realpath(path.parent.parent if "/" in match[0] else path.parent)
                known, first = homes.setdefault(kind, (home, path))
                same = ranks.setdefault((int(match["step"]), kind), {})
                again = os.path.realpath(same.get(rank, path)) == os.path.realpath(path)
                if known != home or not again:
                    raise InputError(
                        f"holds several models: {same.get(rank, first)} and {path}",
                        path=folder,
                        remedy="name the folder of one",
                    )
                same.setdefault(rank, path)
                break
    most = {kind: max(len(paths) for (_, k), paths in ranks.items() if k == kind) for kind in homes}
    found: dict[int, Checkpoint] = {}
    for (step, kind), paths in sorted(ranks.items()):
        files = tuple(paths[rank] for rank in sorted(paths))
        if step not in found:
            name = f"{files[0]}{PART}{part}" if part else str(files[0])
            found[step] = Checkpoint(step, name, files, most[kind] - len(files))
    return found


def require_listed(run: str | os.PathLike[str]) -> None:
    """Refuse a run's folder that is there and cannot be looked into.

    Raises:
        InputError: it cannot be read.
    """
    folder = os.fspath(run).partition(PART)[0]
    try:
        os.stat(folder)
    except FileNotFoundError:
        return
    except OSError:  # which the next line tells
        pass
    require_readable(Path(folder))


def _files(folder: Path, depth: int) -> Iterator[tuple[Path, str]]:
    """Files with ``FOLDER/NAME``, in order of their names; what vanishes meanwhile is not there."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_dir():
                if depth:
                    yield from _files(Path(entry.path), depth - 1)
            elif entry.is_file():
                yield Path(entry.path), f"{folder.name}/{entry.name}"
        except OSError:
            continue
