"""Work on threads: what comes of it, and in which order, does not depend on how many there are."""

from __future__ import annotations

import time
from threading import get_ident

import pytest

from gscli.errors import UsageError
from gscli.kernels import parallel


@pytest.fixture(params=["1", "2", "5"])
def threads(request, monkeypatch):
    monkeypatch.setenv("GSCLI_THREADS", request.param)


@pytest.mark.parametrize("asked", ["0", "-1", "two", "9" * 5000])
def test_a_number_of_threads_that_is_none_is_refused(asked, monkeypatch):
    monkeypatch.setenv("GSCLI_THREADS", asked)
    with pytest.raises(UsageError, match="GSCLI_THREADS: must be a number from 1 on"):
        parallel.threads()


def test_results_come_in_the_order_of_their_parts(threads):
    def work(part):
        time.sleep(0.002 * (part % 3))
        return part * part

    assert list(parallel.in_order(work, iter(range(40)))) == [part * part for part in range(40)]
    assert list(parallel.in_order(work, [])) == []


def test_the_first_part_in_order_that_fails_is_the_one_that_raises(threads):
    def work(part):
        if part == 5:
            time.sleep(0.05)  # the later one fails earlier
        if part in (5, 6):
            raise ValueError(part)
        return part

    results = parallel.in_order(work, range(20))
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="5"):
        next(results)


def test_no_more_than_a_few_parts_are_drawn_ahead(threads):
    drawn = []
    for result in parallel.in_order(lambda part: part, (drawn.append(i) or i for i in range(100))):
        assert len(drawn) - result <= 2 * parallel.threads() + 1


def test_one_thread_draws_each_part_when_it_is_due(monkeypatch):
    monkeypatch.setenv("GSCLI_THREADS", "1")
    drawn = []
    for result in parallel.in_order(lambda part: part, (drawn.append(i) or i for i in range(9))):
        assert drawn == list(range(result + 1))


def test_one_part_is_done_by_the_caller(monkeypatch):
    monkeypatch.setenv("GSCLI_THREADS", "3")
    assert list(parallel.in_order(lambda part: (part, get_ident()), [7])) == [(7, get_ident())]
