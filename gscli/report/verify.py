"""`gscli.verify.Verified` for people."""

from __future__ import annotations

from ..results.shown import counted
from ..verify import Verified
from ..verifying.checks import Check
from . import numbers
from .verdict import Verdict


def summary(result: Verified, *, verbose: bool = False) -> list[str]:
    """One line per draw, then the violations, the tests and the verdict."""
    lines = [f"scene    {result.path}: {counted(result.points, 'point')}"]
    for path, claim, checks in result.draws:
        passed = [check.name for check in checks if check.passed]
        line = f"draw     {path}: {claim}"
        lines.append(f"{line} by its {claim.said_by}; passed {', '.join(passed) or 'nothing'}")
        lines += _violations(checks)
    for test in result.uniformity:
        value = (
            f"chi-square {test.statistic:.1f} / {test.freedom}"
            if test.freedom
            else f"z {test.statistic:+.2f}"
        )
        lines.append(f"test     {test.name}: {value}, p {test.p:.2g}")
    lines += _violations(result.together)
    lines += [f"note     {note}" for note in result.notes]
    lines.append(f"took     {numbers.duration(result.timings, verbose=verbose)}")
    if not result.violations:
        one = len(result.draws) == 1
        told = "it is what it claims" if one else "they are what they claim"
        lines.append(Verdict(f"verdict  {told} to be", good=True))
    return lines


def _violations(checks: tuple[Check, ...]) -> list[str]:
    lines: list[str] = []
    for check in checks:
        lines += [Verdict(f"WRONG    {check.name}: {example}", good=False) for example in check.examples]
        if check.violations > len(check.examples):
            lines.append(f"WRONG    {check.name}: {check.violations - len(check.examples):,} more")
    return lines
