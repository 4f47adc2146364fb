"""``gscli doctor``."""

from __future__ import annotations

import click

from . import options, show


@click.command()
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

    findings = examine()
    show.result(report_doctor.document(findings), report_doctor.summary(findings), as_json=as_json)
