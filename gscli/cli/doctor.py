"""``gscli doctor``."""

from __future__ import annotations

import click

from . import options


@click.command()
@options.as_json
def command(as_json: bool) -> None:
    """Say which device, engines, formats and extras work here, and how to get the rest.

    \b
    Examples:
      gscli doctor
      gscli doctor --json
    """
    from ..doctor import examine
    from ..report import doctor as report_doctor
    from ..report import document as documents

    findings = examine()
    if as_json:
        click.echo(documents.dumps(report_doctor.document(findings)))
        return
    for line in report_doctor.summary(findings):
        click.echo(line)
