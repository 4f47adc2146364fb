"""``gscli cache info`` and ``gscli cache clear``."""

from __future__ import annotations

import click

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
    from ..documents import document
    from ..grids.cache import GridCache, folder

    cache = GridCache(folder())
    sizes = [stat.st_size for _, stat in cache.entries()]
    content = {
        "folder": str(cache.folder),
        "grids": len(sizes),
        "bytes": sum(sizes),
        "limit_bytes": cache.limit,
    }
    line = f"{cache.folder}: {len(sizes)} grids, {sum(sizes):,} bytes of at most {cache.limit:,}"
    show.result(document("gscli/cache/1", **content), [line], as_json=as_json)


@command.command()
def clear() -> None:
    """Remove every grid kept on disk.

    \b
    Examples:
      gscli cache clear
    """
    from ..grids.cache import GridCache, folder

    cache = GridCache(folder())
    count, size = cache.clear()
    show.summary([f"{cache.folder}: removed {count} grids, {size:,} bytes"])
