"""``gscli doctor``."""

from __future__ import annotations

from dataclasses import replace

import click

from . import options, show
from ._sections import Command
from ._spelling import translated


@click.command(cls=Command)
@options.as_json
def command(as_json: bool) -> None:
    """Say what works on this machine, and how to get the rest.

    Devices, engines, formats, extras, and the cache.

    \b
    Examples:
      gscli doctor
      gscli doctor --json
    """
    from ..doctor import examine
    from ..report import doctor as report_doctor

    findings = [
        replace(found, detail=translated(found.detail), remedy=translated(found.remedy))
        for found in examine()
    ]
    show.result(report_doctor.document(findings), report_doctor.summary(findings), as_json=as_json)
