"""`gscli.compare.Compared` as tables and as a summary, for people."""

from __future__ import annotations

from ..comparing.gaussians import Gaussians, Stat, Wasserstein
from ..comparing.looks import Looks
from ..comparing.result import Compared
from ..results.shown import counted
from . import numbers, surfaces
from .table import Table
from .verdict import Verdict

THERE, BACK = "source -> target", "target -> source"


def summary(result: Compared, *, verbose: bool = False) -> list[str]:
    """Lines for people: what was compared, the tables, the gates, how long it took."""
    lines = [f"{name:10}{text}" for name, text in facts(result)]
    for table in tables(result):
        lines += ["", *_aligned(table)]
    lines.append("")
    lines += [f"note      {note}" for note in (*result.notes, *result.caveats)]
    lines.append(f"took      {numbers.duration(result.timings, verbose=verbose)} on {result.device}")
    return [*lines, verdict(result)]


def verdict(result: Compared) -> Verdict:
    """Whether the limits were kept; without any, how much of each scene has a match in the other."""
    missed = [str(gate) for gate in result.gates if not gate.passed]
    if missed:
        limits = counted(len(result.gates), "limit")
        return Verdict(f"verdict   {len(missed):,} of {limits} missed: {'; '.join(missed)}", good=False)
    if result.gates:
        return Verdict(f"verdict   {counted(len(result.gates), 'limit')} kept", good=True)
    there, back = result.centers.source_to_target.at[0], result.centers.target_to_source.at[0]
    shares = f"{numbers.percent(there.fitness)} of source, {numbers.percent(back.fitness)} of target"
    return Verdict(f"verdict   matched within {numbers.number(there.threshold)}: {shares}")


def facts(result: Compared) -> list[tuple[str, str]]:
    """What was compared with what, and how, as pairs of a word and a phrase."""
    c = result.centers
    engine = f"{c.engine.name} ({c.engine.why}): {counted(c.engine.proven, 'answer')} proven exact"
    if c.engine.fallback:
        engine += f", {c.engine.fallback:,} by the k-d tree"
    thresholds = ", ".join(numbers.number(t) for t in c.thresholds)
    found = []
    for role, cloud in (("source", result.source), ("target", result.target)):
        part = "judged" if role == "source" else "the reference"
        spacing = "none" if cloud.spacing is None else numbers.number(cloud.spacing)
        found.append((role, f"{cloud.path}: {counted(cloud.points, 'point')}, spacing {spacing} ({part})"))
    found.append(("engine", engine))
    if c.tiling is not None:
        tiles, again = (" + ".join(f"{n:,}" for n in pair) for pair in (c.tiling.tiles, c.tiling.asked_again))
        found.append(
            (
                "tiles",
                f"{tiles} of at most {counted(c.tiling.targets, 'point')}; queries asked again: {again}",
            )
        )
    return [*found, ("threshold", f"{thresholds}: {c.threshold_why}")]


def tables(result: Compared) -> list[Table]:
    """Everything found, for people."""
    found = []
    if result.gates:
        rows = tuple((gate.metric, gate.asked, gate.found, _passed(gate.passed)) for gate in result.gates)
        found.append(Table("Limits", ("", "limit", "value", ""), rows, wide=True))
    found += [_distances(result), *surfaces.tables(result), _conventions(result)]
    if result.render is not None:
        found.append(_looks(result.render))
    if result.gaussians is not None:
        found += [_gaussians(result, result.gaussians), _weights(result)]
    return found


def _passed(passed: bool) -> str:
    return "passed" if passed else "MISSED"


def _distances(result: Compared) -> Table:
    c = result.centers
    there, back = c.source_to_target, c.target_to_source
    both = {
        "mean": f"{numbers.number(c.symmetric.chamfer)} Chamfer",
        "max": f"{numbers.number(c.symmetric.hausdorff)} Hausdorff",
    }
    rows: list[tuple[str, ...]] = [("points asked", f"{there.queries:,}", f"{back.queries:,}", "")]
    for name in ("mean", "rms", "median", "p95", "p99", "max"):
        label = name.upper() if name == "rms" else name
        rows.append(
            (
                label,
                numbers.number(getattr(there, name)),
                numbers.number(getattr(back, name)),
                both.get(name, ""),
            )
        )
        errors = [getattr(side.standard_error, name, None) for side in (there, back)]
        if any(error is not None for error in errors):
            together = None if name != "mean" else getattr(c.symmetric.standard_error, "chamfer", None)
            at_most = "" if together is None else f"{numbers.number(together)} at most"
            rows.append(("  standard error", *(numbers.number(error) for error in errors), at_most))
    for i, at in enumerate(c.symmetric.at):
        a, b = there.at[i], back.at[i]
        rows.append(
            (
                f"matched, d < {numbers.number(at.threshold)}",
                numbers.percent(a.fitness),
                numbers.percent(b.fitness),
                f"{numbers.fraction(at.fscore, 4)} F-score",
            )
        )
        errors = [side.standard_error for side in (there, back)]
        if any(errors):
            shares = ["-" if e is None else numbers.percent(e.fitness[i]) for e in errors]
            rows.append(("  standard error", *shares, ""))
        rows.append(("  RMSE of matched", numbers.number(a.inlier_rmse), numbers.number(b.inlier_rmse), ""))
        if any(errors):
            of_rmse = [numbers.number(None if e is None else e.inlier_rmse[i]) for e in errors]
            rows.append(("    standard error", *of_rmse, ""))
    return Table(
        "Distances to the nearest point (cloud to cloud, C2C)",
        ("", THERE, BACK, "both"),
        tuple(rows),
        wide=True,
    )


def _conventions(result: Compared) -> Table:
    named = result.centers.conventions
    rows = [
        (name, numbers.number(at.threshold), numbers.fraction(at.fitness, 6), numbers.number(at.rmse))
        for name in ("open3d", "corgs", "coprune")
        for at in getattr(named, name).at
    ]
    return Table("By convention", ("", "threshold", "fitness", "RMSE"), tuple(rows))


def _gaussians(result: Compared, found: Gaussians) -> Table:
    w2, color = found.w2, found.color
    stats: list[tuple[str, Stat | Wasserstein | None]] = [
        ("Wasserstein-2", w2),
        ("  in spacings", None if w2 is None else w2.spacings),
        ("  shape alone", None if w2 is None else w2.shape),
        ("opacity", found.opacity),
        ("log-scale", found.log_scale),
        ("colour, DC", None if color is None else color.dc),
        ("colour, SH energy", None if color is None else color.sh_energy),
    ]
    rows = tuple(
        (
            name,
            *(
                ("-", "-", "-")
                if s is None
                else (numbers.number(s.mean), numbers.number(s.rms), numbers.number(s.p95))
            ),
        )
        for name, s in stats
    )
    kind = "" if result.pairing is None else result.pairing.kind
    by = {
        "nearest": ("source Gaussian and its nearest target", "source Gaussians and their nearest target"),
        "rows": ("pair of equal row", "pairs of equal row"),
        "index": ("pair by index", "pairs by index"),
    }
    return Table(
        f"Differences of Gaussians: {counted(found.pairs, *by.get(kind, ('pair', 'pairs')))}",
        ("", "mean", "RMS", "p95"),
        rows,
    )


def _looks(found: Looks) -> Table:
    size = "" if found.width is None else f", {found.width} x {found.height}"
    on = "" if found.background is None else f" on {found.background}"
    sides = [(on, found.psnr, found.ssim)]
    if found.on_white is not None:
        sides.append((" on white", found.on_white.psnr, found.on_white.ssim))
    rows = []
    for where, psnr, _ in sides:
        values = (psnr.mean, psnr.worst, psnr.pooled, psnr.foreground)
        rows.append((f"PSNR{where}, dB", *(numbers.decibels(value, psnr) for value in values)))
    for where, _, ssim in sides:
        shares = ("-" if v is None else numbers.fraction(v, 4) for v in (ssim.mean, ssim.worst))
        rows.append((f"SSIM{where}", *shares, "", ""))
    if found.alpha_mae is not None:
        rows.append(("opacity, mean error", numbers.number(found.alpha_mae), "", "", ""))
    if found.psnr.identical:
        rows.append(("identical views", f"{found.psnr.identical:,}", "", "", ""))
    title = f"Renders: {counted(found.views, 'view')}{size}, {found.around}"
    return Table(title, ("", "mean", "worst", "pooled", "foreground"), tuple(rows), wide=True)


def _weights(result: Compared) -> Table:
    assert result.weighted is not None
    assert result.mass is not None
    rows = (
        ("mean distance", numbers.number(result.weighted.source_to_target), THERE),
        ("mean distance", numbers.number(result.weighted.target_to_source), BACK),
        ("number of Gaussians", numbers.number(result.mass.count), "source / target"),
        ("sum of weights", numbers.number(result.mass.alpha_area), "source / target"),
        ("second moment", numbers.number(result.mass.second_moment), "source / target"),
    )
    return Table("Weighted by opacity x surface area", ("", "", ""), rows)


def _aligned(table: Table) -> list[str]:
    """A table as text: the first column to the left, numbers to the right."""
    cells = [(table.title if not any(table.columns) else "", *table.columns[1:]), *table.rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    widths[0] = max(widths[0], 22)
    lines = [table.title]
    for row in cells if any(table.columns) else table.rows:
        parts = [f"  {row[0]:{widths[0]}}"]
        parts += [f"{text:>{max(width, 12)}}" for text, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(parts).rstrip())
    return lines
