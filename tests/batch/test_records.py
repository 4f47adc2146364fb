from __future__ import annotations

from pathlib import Path

import pytest

from gscli.batch import records
from gscli.batch.records import Folder
from gscli.errors import GscliError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setattr(records, "LOCK_SECONDS", 0.1)
    return Folder(tmp_path)


@pytest.mark.parametrize(
    ("first", "second"),
    [((1, 1), (1, 1)), ((1, 1), (2, 3)), ((2, 3), (1, 1)), ((2, 3), (2, 3)), ((1, 3), (1, 4))],
)
def test_nobody_works_on_a_part_that_another_is_at(
    folder: Folder, first: tuple[int, int], second: tuple[int, int]
) -> None:
    with folder.locked(*first):
        for _ in range(2):  # one that was refused leaves no lock behind
            with (
                pytest.raises(GscliError, match="another gscli batch is at work here"),
                folder.locked(*second),
            ):
                pass
    with folder.locked(*second):
        pass


def test_parts_of_one_division_work_together(folder: Folder) -> None:
    with folder.locked(1, 3), folder.locked(3, 3), folder.locked(2, 3):
        pass


def test_the_last_part_to_end_makes_room_for_another_division(folder: Folder) -> None:
    with folder.locked(1, 3):
        with folder.locked(2, 3):
            pass
        with pytest.raises(GscliError), folder.locked(1, 2):
            pass
        with folder.locked(2, 3):
            pass
    with folder.locked(1, 2), folder.locked(2, 2):
        pass
