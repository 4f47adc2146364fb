"""``gscli cache info`` and ``gscli cache clear``."""

from __future__ import annotations

import click

from ..results.shown import counted
from . import options, show


@click.group()
def command() -> None:
    """Look at the grids kept on disk, or remove them.

    They live in GSCLI_CACHE_DIR, or in gscli in the user's cache folder; the least recently used go
    first once all take more than 2 GiB.

    \b
    Examples:
      gscli cache info
      gscli cache clear
    """


@command.command()
@options.as_json
def info(as_json: bool) -> None:
    """Say where the cache is, and how much it holds.

    \b
    Examples:
      gscli cache info --json
    """
    from ..grids.cache import GridCache, folder
    from ..report import numbers
    from ..results.documents import document

    cache = GridCache(folder())
    sizes = [stat.st_size for _, stat in cache.entries()]
    content = {
        "folder": str(cache.folder),
        "grids": len(sizes),
        "bytes": sum(sizes),
        "limit_bytes": cache.limit,
    }
    held, most = numbers.size(sum(sizes)), numbers.size(cache.limit)
    line = f"{cache.folder}: {counted(len(sizes), 'grid')}, {held} of at most {most}"
    show.result(document("gscli/cache/1", **content), [line], as_json=as_json)


@command.command()
def clear() -> None:
    """Remove every grid kept on disk.

    \b
    Examples:
      gscli cache clear
    """
    from ..grids.cache import GridCache, folder
    from ..report import numbers

    cache = GridCache(folder())
    count, size = cache.clear()
    show.summary([f"{cache.folder}: removed {counted(count, 'grid')}, {numbers.size(size)}"])
