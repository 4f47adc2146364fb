"""``gscli batch``: the options of the other commands, over many inputs.

``gscli batch resample`` is made from the options of ``gscli resample``; a job file is the same command
with its values written down.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import click

from ..errors import GateMissed, GscliError, UsageError, did_you_mean
from ..results.shown import counted
from . import _batch_progress, paths, show
from ._batched import Batched, Given
from ._spelling import translated


class _Batch(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        from ..batch import operations

        return list(operations.NAMES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        from ..batch import job, operations

        if name in operations.NAMES:
            return Batched(name, _run)
        if name.lower().endswith(job.SUFFIXES):
            with suppress(GscliError) if ctx.resilient_parsing else nullcontext():  # a shell completes
                written = job.read(name)
                return Batched(written.operation, _run, written)
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        command = self.get_command(ctx, args[0])
        if command is None and not ctx.resilient_parsing:
            hint = did_you_mean(args[0], self.list_commands(ctx), "name a job file with .yaml at its end")
            raise UsageError(f"no such operation {args[0]!r}", remedy=hint)
        return args[0], command, args[1:]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        return super().shell_complete(ctx, incomplete) + paths.INPUT.shell_complete(ctx, None, incomplete)


def _run(operation: str, given: Given) -> None:
    """Plan, run and report a batch."""
    from ..batch import index, patterns, report
    from ..batch import run as running
    from ..batch.plan import plan
    from ..batch.work import Part, Summary
    from ..report.ran import Ran

    own = given.own
    _refuse_without_effect(own)
    inputs = patterns.find(given.inputs, relative_to=own["relative_to"], outside=own["out_dir"])
    tasks = plan(
        operation,
        inputs,
        given.parameters,
        folder=own["out_dir"],
        against=patterns.find(given.against),
        reads=given.reads,
        writes=given.writes,
        check=own["check"],
    )
    folder = running.at(own["out_dir"])
    part = Part(*own["shard"]) if own["shard"] else None
    leave = {name: own[name] for name in ("resume", "check", "overwrite")}
    track = show.track(own["quiet"])
    work = running.look_at(tasks, folder, part=part, track=track, **leave)
    engine = _engine(own)
    pages = None if "html" not in given.parameters else index.path(given.parameters["html"], work.part)
    if pages is not None:
        index.refuse(pages, tasks, work)
    if own["dry_run"]:
        show.summary(report.plan(work, folder=own["out_dir"]))
        return
    stop = running.Stop()
    with running.opened(tasks, work, folder, track=track) as (work, locks), _interruptible(stop):
        summary = Summary(work)
        with _batch_progress.watching(summary, quiet=own["quiet"], json_lines=own["json_lines"]) as tell:
            for record in running.run(work, engine, folder, stop, summary, locks=locks):
                tell(record)
    kept = None
    if folder is not None:
        kept = os.fspath(folder.path / ("summary.json" if part is None else f"summary-{part}.json"))
    try:
        if pages is not None and folder is not None:
            index.write(pages, operation, summary, folder, Ran.now(show.typed()), spelt=translated)
    finally:
        show.result(
            summary.to_dict(),
            [translated(line) for line in report.table(summary, pages)],
            as_json=own["as_json"],
            report=kept,
            quiet=own["quiet"],
            overwrite=True,
        )
    _conclude(summary, stop, own["out_dir"])


def _refuse_without_effect(own: dict[str, Any]) -> None:
    """Refuse options that the others leave nothing to do."""
    show.refuse_mixing()
    if own["dry_run"] and (own["json_lines"] or own["as_json"]):
        raise UsageError("a --dry-run has no results for --json or --json-lines", remedy="leave one out")
    for name in ("resume", "overwrite", "check"):
        if own[name] and own["out_dir"] is None:
            raise UsageError(f"--{name} has no effect where nothing is kept", remedy="give --out-dir FOLDER")


def _engine(own: dict[str, Any]) -> Any:
    if own["workers"] is not None and own["workers"] < 1:
        raise UsageError(f"--workers must be at least 1, not {own['workers']}")
    if own["scheduler"] is not None:
        if own["workers"] is not None:
            raise UsageError("--workers has no effect with --scheduler", remedy="start more Dask workers")
        from ..batch.dask import Dask

        return Dask(own["scheduler"])
    from ..batch.local import Local, default_workers

    return Local(own["workers"] or default_workers())


@contextmanager
def _interruptible(stop: Any) -> Iterator[None]:
    """Ctrl-C, or a job system's SIGTERM, lets what runs finish; a second one ends it."""

    def ask(signum: int, frame: object) -> None:
        stop.ask(signum)
        if stop.level == 1:
            show.remark("gscli: finishing what runs; once more to stop now")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _conclude(summary: Any, stop: Any, out_dir: str | None) -> None:
    """End with the status that the counts ask for."""
    total, failed, missed = len(summary.work.tasks), summary.count("failed"), summary.count("missed")
    if stop.signal is not None and summary.unfinished:
        show.remark(f"gscli: interrupted with {summary.unfinished:,} of {counted(total, 'input')} to do")
        click.get_current_context().exit(128 + stop.signal)
    again = None if out_dir is None else "--resume tries again"
    if failed:
        where = None if out_dir is None else os.path.join(out_dir, "failed")
        raise GscliError(f"{failed:,} of {counted(total, 'input')} failed", path=where, remedy=again)
    if missed:
        raise GateMissed(f"{missed:,} of {counted(total, 'input')} missed a gate")


@click.command(cls=_Batch, subcommand_metavar="OPERATION|JOB.yaml ...")
def command() -> None:
    """Run one operation over many inputs, and go on after a crash.

    Workers are separate processes: one that fails or dies costs one input. With --out-dir, every
    finished input is recorded there, and --resume does only what is missing. Options are those of
    the operation's own command (`gscli batch resample --help`).

    \b
    A YAML file has the same options, and operation and inputs:
      gscli batch job.yaml --resume
      gscli batch job.yaml --shard 3/16
      gscli batch job.yaml --scheduler tcp://head:8786

    \b
    Examples:
      gscli batch resample 'scenes/*.ply' --out-dir half/ --seed 1 --workers 2
      gscli batch resample 'scenes/**/*.ply' --out-dir half/ --dry-run
      gscli batch compare 'half/*.ply' --reference 'ref/*.ply' --min-fitness 0.99
      find . -name '*.ply' | gscli batch info - --json-lines
    """
