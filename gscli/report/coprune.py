"""`gscli.coprune.Copruned` as a JSON document and as a summary."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..coprune import Copruned, Pruned
from . import document as documents

SCHEMA = "gscli/coprune/1"


def document(result: Copruned) -> dict[str, Any]:
    """Keys as in the documentation."""
    return documents.document(
        SCHEMA,
        first=_pruned(result.first),
        second=_pruned(result.second),
        threshold=result.threshold,
        min_points=result.min_points,
        engine=asdict(result.engine),
        device=result.device,
        options=result.options,
        notes=list(result.notes),
        timings_s=documents.seconds(result.timings),
    )


def summary(result: Copruned, *, verbose: bool = False) -> list[str]:
    """Lines for people: the threshold, what each model kept, how long it took."""
    lines = [
        f"kept     what has a counterpart within {result.threshold:.4g} scene units ({result.engine.name})"
    ]
    for model in (result.first, result.second):
        share = documents.percent(model.kept / model.points, 1)
        lines.append(f"wrote    {model.output}: {model.kept:,} of {model.points:,} points, {share}")
    lines += [f"note     {note}" for note in result.notes]
    stages = ", ".join(f"{stage} {value:.2f}" for stage, value in result.timings.items())
    total = sum(result.timings.values())
    lines.append(f"took     {total:.2f} s" + (f" ({stages})" if verbose else "") + f" on {result.device}")
    return lines


def _pruned(model: Pruned) -> dict[str, Any]:
    return {
        "path": model.path,
        "format": model.format,
        "points": model.points,
        "spacing": model.spacing,
        "kept": {"points": model.kept, "fraction": model.kept / model.points},
        "output": model.output,
        "index": model.index,
    }
