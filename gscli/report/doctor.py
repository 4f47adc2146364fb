"""Findings of `gscli.doctor.examine` as a JSON document and as a table."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import Any

from ..doctor import Finding
from ..results import documents

SCHEMA = "gscli/doctor/1"


def document(findings: list[Finding]) -> dict[str, Any]:
    """Every finding with its kind, name, whether it works, detail and remedy."""
    return documents.document(SCHEMA, findings=[asdict(finding) for finding in findings])


def summary(findings: list[Finding]) -> list[str]:
    """A line a finding, grouped by kind; what is missing comes with its remedy."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for kind, group in groupby(findings, lambda finding: finding.kind):
        lines.append(f"{kind}:")
        for finding in group:
            line = f"  {'ok ' if finding.works else 'no '} {finding.name:{width}}  {finding.detail}"
            lines.append(f"{line}; {finding.remedy}" if finding.remedy else line)
    return lines
