"""What a batch has to do, in which part of it, and how it went."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..results.documents import document
from ..results.shown import shown
from .records import Record, brief
from .tasks import Task

SCHEMA = "gscli/batch/1"


@dataclass(frozen=True)
class Part:
    """One of several shares of a batch, each run by a process of its own.

    Attributes:
        number: from 1 to `of`.
    """

    number: int = 1
    of: int = 1

    def __str__(self) -> str:
        return f"{self.number}-of-{self.of}"


@dataclass(frozen=True)
class Work:
    """What a run of a batch has to do.

    Attributes:
        tasks: this part of the plan.
        todo: those of them that are not done, largest first.
        skipped: the records of those that are, without the results.
        resume: whether what an earlier run did counts.
        check: whether outputs of an earlier run were read to see that they are as they were.
        anew: whether the records of inputs that are not in the plan go, done or not.
        seen: the ages of the folder's plan and records when this was found out; None without a plan.
    """

    tasks: tuple[Task, ...]
    todo: tuple[Task, ...]
    skipped: tuple[Record, ...] = ()
    part: Part = field(default_factory=Part)
    resume: bool = False
    check: bool = False
    anew: bool = False
    seen: tuple[int, ...] | None = None

    @property
    def bytes(self) -> int:
        return sum(task.bytes for task in self.todo)


@shown
@dataclass
class Summary:
    """How a run went so far.

    Attributes:
        records: of everything in this part that is done, missed its gate or failed, without the results.
        skipped: how many of them are from an earlier run.
        seconds: from the first task to the last record.
    """

    work: Work
    records: list[Record] = field(default_factory=list)
    skipped: int = 0
    bytes: int = 0
    seconds: float = 0.0
    _counts: Counter[str] = field(default_factory=Counter)

    def add(self, record: Record) -> None:
        self.records.append(brief(record))
        self._counts[record["status"]] += 1

    def count(self, status: str) -> int:
        return self._counts[status]

    def _facts(self) -> dict[str, object]:
        """What became of the inputs."""
        counts = {status: self.count(status) for status in ("done", "missed", "failed")}
        return {"inputs": len(self.work.tasks), **counts, "unfinished": self.unfinished}

    def to_dict(self) -> dict[str, Any]:
        """The JSON document: counts, totals, and every input with its status and figures."""
        work = self.work
        return document(
            SCHEMA,
            operation=work.tasks[0].operation if work.tasks else None,
            part=str(work.part),
            inputs=len(work.tasks),
            done=self.count("done"),
            missed=self.count("missed"),
            failed=self.count("failed"),
            skipped=self.skipped,
            unfinished=self.unfinished,
            seconds=round(self.seconds, 3),
            bytes_read=self.bytes,
            records=[_row(record) for record in sorted(self.records, key=lambda r: str(r["id"]))],
        )

    @property
    def unfinished(self) -> int:
        """Inputs that the run was stopped before."""
        return len(self.work.tasks) - len(self.records)


def _row(record: Record) -> dict[str, Any]:
    keys = ("id", "status", "seconds", "figures", "missed", "error", "warnings")
    row = {key: record[key] for key in keys if record.get(key)}
    return {"input": record["inputs"][0]["path"], **row}
