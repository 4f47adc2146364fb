"""``gscli batch``: the options of the other commands, over many inputs.

``gscli batch resample`` is made from the options of ``gscli resample``; a job file is the same command
with its values written down.
"""

from __future__ import annotations

import copy
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from typing import Any

import click
from click.core import ParameterSource

from ..errors import GateMissed, GscliError, InputError, UsageError, did_you_mean
from . import _batch_progress, options, show

_OWN = (
    *("patterns", "out_dir", "relative_to", "workers", "scheduler", "shard", "resume", "overwrite"),
    *("dry_run", "json_lines", "reference", "as_json", "quiet"),
)
_MANAGED = {"out_dir", "as_json", "report", "quiet", "verbose", "overwrite", "no_cache", "expect", "dry_run"}
_EXAMPLES = {
    "compare": ("'new/*.ply' --reference 'ref/*.ply' --min-fitness 0.99 --out-dir compared/",),
    "convert": (
        "'scenes/*.ply' --to spz --allow-lossy --out-dir small/",
        "'runs/*/ckpt.pth::gs1' --to ply --out-dir scenes/",
    ),
    "info": ("'scenes/**/*.ply' --json-lines", "- --json-lines < paths.txt"),
    "resample": (
        "'scenes/*.ply' --out-dir half/ --seed 1 --workers 2",
        "'scenes/*.ply' --out-dir views/ --method half --method one-per-grid --repeat 3",
    ),
    "verify": ("'half/*.ply' --reference 'scenes/*.ply'",),
}


def _options(operation: str) -> list[click.Parameter]:
    """The parameters of ``gscli batch OPERATION``: its own command's options, then the batch's."""
    from ..batch import operations

    kind = operations.get(operation)
    command = import_module(f"{__package__}.{operation}").command
    theirs = [
        _folder_of(p) if p.name in kind.files else p
        for p in command.params
        if isinstance(p, click.Option) and p.name not in _MANAGED
    ]
    path = options.PATH
    need = "" if kind.writes else "; without it, nothing is kept"
    ours: list[click.Parameter] = [
        _Patterns(["patterns"], nargs=-1, required=True, type=path, metavar="PATTERN..."),
        click.Option(["--out-dir"], type=path, metavar="FOLDER", help=f"Where outputs and records go{need}."),
        click.Option(["--relative-to"], type=path, metavar="FOLDER", help="Lay outputs out as below FOLDER."),
        click.Option(["--workers"], type=int, metavar="N", help="Worker processes.  [default: the cores]"),
        click.Option(["--scheduler"], metavar="ADDRESS", help="Work on a Dask cluster, as tcp://head:8786."),
        click.Option(["--shard"], type=options.Shard(), help="Only part I of N, balanced by bytes."),
        click.Option(["--resume"], is_flag=True, help="Go on: only what is missing or failed."),
        click.Option(["--overwrite"], is_flag=True, help="Start anew; replace existing outputs."),
        click.Option(["--dry-run"], is_flag=True, help="Print what would run, and do nothing."),
        click.Option(["--json-lines"], is_flag=True, help="Print a record per input to stdout, as JSON."),
    ]
    if kind.compares:
        what = "What inputs are held against: one scene, or a pattern that pairs them by name."
        ours.append(click.Option(["--reference"], type=path, metavar="PATTERN", required=True, help=what))
    if kind.renames:
        what = "The suffix of outputs, which names their format (`gscli formats`); / is a scene folder."
        theirs.insert(0, click.Option(["--to"], metavar="SUFFIX", required=True, help=what))
    if any(p.name == "no_cache" for p in command.params):
        what = "Keep grids on disk between runs."
        ours.append(click.Option(["--on-disk-cache"], is_flag=True, help=what))
    shared = options.quiet(options.as_json(click.Command(None)))  # as on any command
    return [ours[0], *theirs, *ours[1:], *shared.params]


def _folder_of(option: click.Option) -> click.Option:
    """An option that names an output file, as one that names a folder with a file for each input."""
    ours = copy.copy(option)
    ours.metavar, ours.help = "FOLDER", f"{option.help} Here a folder of such files, laid out as --out-dir."
    return ours


class _Patterns(click.Argument):
    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        """Those given, or else the job file's, which Click before 8.2 does not look for."""
        value, source = super().consume_value(ctx, opts)
        given = None if value else ctx.lookup_default(str(self.name))
        return (value, source) if given is None else (given, ParameterSource.DEFAULT_MAP)


class _Batch(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        from ..batch import operations

        return list(operations.NAMES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        from ..batch import job, operations

        if name in operations.NAMES:
            return _command(name)
        if name.lower().endswith(job.SUFFIXES):
            with suppress(GscliError) if ctx.resilient_parsing else nullcontext():  # a shell completes
                return _job_command(job.read(name))
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
        return super().shell_complete(ctx, incomplete) + options.PATH.shell_complete(ctx, None, incomplete)


def _command(operation: str, **context: Any) -> click.Command:
    import_module(f"{__package__}.{operation}")
    summary = f"Run `gscli {operation}` on every input that a PATTERN matches."
    examples = "\n        ".join(f"  gscli batch {operation} {words}" for words in _EXAMPLES[operation])
    return click.Command(
        operation,
        params=_options(operation),
        callback=lambda **values: _run(operation, values),
        context_settings=context,
        help=f"""{summary}

        Patterns are paths or globs in quotes: *, ?, [...], and ** for any depth; one that ends in a slash
        matches folders, one that ends in ::NAME takes that model of each file, and - reads paths from
        stdin. Outputs are laid out below --out-dir as inputs are
        below the longest part of their pattern without wildcards.

        \b
        Examples:
        {examples}
        """,
        short_help=summary,
    )


def _job_command(job: Any) -> click.Command:
    """The operation's command with the file's values as its defaults; paths are relative to the file."""
    from ..batch import operations

    kind = operations.get(job.operation)
    defaults: dict[str, Any] = {}
    command = _command(job.operation, default_map=defaults, obj=job.folder)
    named = {_key(parameter): parameter for parameter in command.params}
    job.refuse_unknown(named)
    for key, value in job.settings.items():
        parameter = named[key]
        name = str(parameter.name)
        several = parameter.nargs == -1 or getattr(parameter, "multiple", False)
        if isinstance(value, list) and not several:
            raise InputError(f"line {job.lines[key]}: {key} takes one value", path=job.path)
        if isinstance(value, str) and several:
            value = [value]
        defaults[name] = _located(kind, name, value, job.folder)
        try:
            parameter.type_cast_value(click.Context(command), value)
        except click.BadParameter as error:
            raise UsageError(f"line {job.lines[key]}: {key}: {error.message}", path=job.path) from None
    return command


def _located(kind: Any, name: str, value: Any, root: str = ".") -> Any:
    """A parameter's value; absolute if it is a path, and not the name of a file in each scene's folder."""
    if name not in kind.paths | kind.files | {"out_dir", "relative_to"}:
        return value
    path = os.path.abspath(os.path.join(root, value))
    return value if name in kind.paths and not os.path.exists(path) else path


def _key(parameter: click.Parameter) -> str:
    """What a job file calls a parameter: its longest spelling without the dashes."""
    if isinstance(parameter, click.Argument):
        return "inputs"
    return max(parameter.opts, key=len).lstrip("-")


def _run(operation: str, values: dict[str, Any]) -> None:
    """Plan, run and report a batch."""
    from ..batch import plan as planning
    from ..batch import report
    from ..batch import run as running

    own = {name: values.pop(name, None) for name in _OWN}
    _refuse_without_effect(own)
    inputs = planning.find(_patterns("patterns"), relative_to=own["relative_to"], outside=own["out_dir"])
    tasks = planning.plan(
        operation,
        inputs,
        _parameters(operation, values),
        folder=own["out_dir"],
        against=planning.find(_patterns("reference")),
    )
    folder = running.at(own["out_dir"])
    part = running.Part(*own["shard"]) if own["shard"] else None
    work = running.look_at(tasks, folder, resume=own["resume"], overwrite=own["overwrite"], part=part)
    engine = _engine(own)
    if own["dry_run"]:
        show.lines(report.plan(work, folder=own["out_dir"]))
        return
    stop = running.Stop()
    with running.opened(tasks, work, folder) as (work, locks), _interruptible(stop):
        summary = running.Summary(work)
        with _batch_progress.watching(summary, quiet=own["quiet"], json_lines=own["json_lines"]) as tell:
            for record in running.run(work, engine, folder, stop, summary, locks=locks):
                tell(record)
    kept = None
    if folder is not None:
        kept = os.fspath(folder.path / ("summary.json" if part is None else f"summary-{part}.json"))
    show.result(
        summary.to_dict(),
        report.table(summary),
        as_json=own["as_json"],
        report=kept,
        quiet=own["quiet"],
        overwrite=True,
    )
    _conclude(summary, stop, own["out_dir"])


def _refuse_without_effect(own: dict[str, Any]) -> None:
    """Refuse options that the others leave nothing to do."""
    if own["json_lines"] and own["as_json"]:
        raise UsageError("stdout can carry one thing", remedy="give --json or --json-lines")
    if own["dry_run"] and (own["json_lines"] or own["as_json"]):
        raise UsageError("a --dry-run has no results for --json or --json-lines", remedy="leave one out")
    for name in ("resume", "overwrite"):
        if own[name] and own["out_dir"] is None:
            raise UsageError(f"--{name} has no effect where nothing is kept", remedy="give --out-dir FOLDER")


def _patterns(name: str) -> list[Any]:
    """The patterns of a parameter; those of a job file are relative to it."""
    from ..batch.plan import Pattern, listed

    ctx = click.get_current_context()
    value = ctx.params.get(name) or ()
    root = ctx.obj if ctx.get_parameter_source(name) == ParameterSource.DEFAULT_MAP else "."
    patterns = []
    for text in [value] if isinstance(value, str) else value:
        patterns += listed(_stdin()) if text == "-" else [Pattern(text, root)]
    return patterns


def _stdin() -> bytes:
    if sys.stdin is None:
        raise InputError("is closed", path="<stdin>")
    return sys.stdin.buffer.read()


def _parameters(operation: str, values: dict[str, Any]) -> dict[str, Any]:
    """The operation's options that were given, with absolute paths."""
    from ..batch import operations

    kind, ctx = operations.get(operation), click.get_current_context()
    return {
        name: _located(kind, name, value)
        for name, value in values.items()
        if ctx.get_parameter_source(name) != ParameterSource.DEFAULT
    }


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
            click.echo("gscli: finishing what runs; once more to stop now", err=True)

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
        click.echo(f"gscli: interrupted with {summary.unfinished:,} of {total:,} inputs to do", err=True)
        click.get_current_context().exit(128 + stop.signal)
    again = None if out_dir is None else "--resume tries again"
    if failed:
        where = None if out_dir is None else os.path.join(out_dir, "failed")
        raise GscliError(f"{failed:,} of {total:,} inputs failed", path=where, remedy=again)
    if missed:
        raise GateMissed(f"{missed:,} of {total:,} inputs missed a gate")


@click.command(cls=_Batch, subcommand_metavar="OPERATION|JOB.yaml ...")
def command() -> None:
    """Run one operation over many inputs, and go on after a crash.

    Workers are separate processes: one that fails or dies costs one input. With --out-dir, every
    finished input is recorded there, and --resume does only what is missing. Options are those of
    the operation's own command (`gscli batch resample --help`).

    \b
    In a YAML file the options stand under the same names, with operation and inputs:
      gscli batch job.yaml --resume
      gscli batch job.yaml --shard 3/16
      gscli batch job.yaml --scheduler tcp://head:8786

    \b
    Examples:
      gscli batch resample 'scenes/*.ply' --out-dir half/ --seed 1 --workers 2
      gscli batch resample 'scenes/**/*.ply' --out-dir half/ --dry-run
      gscli batch compare 'half/*.ply' --reference 'scenes/*.ply' --min-fitness 0.99
      find . -name '*.ply' | gscli batch info - --json-lines
    """
