"""The options of a command in its help: its own first, then those that it shares, by what they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

SHARED: Mapping[str, Sequence[str]] = {
    "Pictures": (
        *("render", "views", "size", "cameras", "camera", "mode", "background", "file_type"),
        *("up", "fov", "near", "rasterizer", "data_range"),
    ),
    "Resources": ("engine", "device", "memory_limit", "no_cache", "on_disk_cache"),
    "Files": ("overwrite", "allow_lossy", "trust_pickle", "axes", "quality"),
    "Reporting": ("as_json", "json_lines", "report", "quiet", "verbose", "help"),
}
_OWN = "Options"
_FEW = 12  # options that need no sections


class Command(click.Command):
    """A command whose help is cut into sections.

    Args:
        sections: names of options by the headings under which they stand, before those of `SHARED`; an
            option that is in neither stands first.
    """

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[str]] | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.sections = sections or {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        params = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]
        # Click has given its own option several names
        named = {"help" if "--help" in p.opts else str(p.name): p.get_help_record(ctx) for p in params}
        rows = {name: row for name, row in named.items() if row is not None}
        headings = {_OWN: [*rows]} if len(rows) <= _FEW else self._headings(rows)
        for heading, names in headings.items():
            if names:
                with formatter.section(heading):
                    formatter.write_dl([rows[name] for name in names])

    def _headings(self, names: Mapping[str, object]) -> dict[str, list[str]]:
        """Names by their headings, all in their order."""
        under = {name: heading for by in (SHARED, self.sections) for heading in by for name in by[heading]}
        headings: dict[str, list[str]] = {heading: [] for heading in (_OWN, *self.sections, *SHARED)}
        for name in names:
            headings[under.get(name, _OWN)].append(name)
        return headings
