from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from bench.runner.prefetch import overlapped


def numbers(count: int, taken: list[int]) -> Iterator[int]:
    for number in range(count):
        taken.append(number)
        yield number


@pytest.mark.parametrize("most", [1, 2, 5, 100])
@pytest.mark.parametrize("threads", [1, 4])
def test_values_come_in_the_order_of_the_items(most: int, threads: int) -> None:
    def late_if_even(number: int) -> int:
        time.sleep(0.004 * (number % 2 == 0))
        return number * number

    found = [(attempt.item, attempt.value) for attempt in overlapped(late_if_even, range(30), most, threads)]
    assert found == [(number, number * number) for number in range(30)]


def test_nothing_of_nothing() -> None:
    assert list(overlapped(abs, [], 3)) == []


def test_items_are_taken_only_when_there_is_room() -> None:
    taken: list[int] = []
    for attempt in overlapped(abs, numbers(50, taken), 4):
        time.sleep(0.002)  # whoever takes the results is slow: the rest has to wait
        assert len(taken) <= attempt.item + 4


def test_while_one_is_in_work_the_next_are_begun_in_other_threads() -> None:
    both = threading.Barrier(2)  # opens when two are in work at once
    names = {attempt.value for attempt in overlapped(lambda _: (both.wait(10), threading.get_ident())[1], range(2), 2)}
    assert len(names) == 2
    assert threading.get_ident() not in names


def test_items_are_made_in_the_thread_that_takes_the_results() -> None:
    def idents() -> Iterator[int]:
        yield threading.get_ident()

    assert [attempt.value for attempt in overlapped(abs, idents(), 2)] == [threading.get_ident()]


def test_an_error_comes_in_its_place_and_the_rest_goes_on() -> None:
    found: list[float | str] = []
    for attempt in overlapped(lambda number: 6 / number, [1, 2, 0, 3], 2):
        try:
            found.append(attempt.value)
        except ZeroDivisionError:
            found.append(f"no value for {attempt.item}")
    assert found == [6, 3, "no value for 0", 2]


def test_an_error_of_the_items_surfaces_after_what_was_begun() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    attempts = overlapped(abs, broken(), 1)
    assert next(attempts).value == 1
    with pytest.raises(ValueError, match="no more"):
        next(attempts)


def test_who_stops_taking_stops_the_work() -> None:
    done: list[int] = []

    def slow(number: int) -> None:
        time.sleep(0.01)
        done.append(number)

    before = threading.active_count()
    taken: list[int] = []
    attempts = overlapped(slow, numbers(1000, taken), 6, threads=1)
    next(attempts)
    attempts.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
    assert len(done) < len(taken) <= 7


def test_two_around_a_model_overlap_reading_computing_and_writing() -> None:
    second_is_read, second_is_computed = threading.Event(), threading.Event()

    def read(number: int) -> int:
        if number == 1:
            second_is_read.set()
        return number

    def model() -> Iterator[int]:
        for attempt in overlapped(read, range(4), 3):
            if attempt.item == 0:
                assert second_is_read.wait(10), "the second is read while the first is computed"
            if attempt.item == 1:
                second_is_computed.set()
            yield attempt.value

    def write(number: int) -> int:
        if number == 0:
            assert second_is_computed.wait(10), "the second is computed while the first is written"
        return number

    assert [attempt.value for attempt in overlapped(write, model(), 2)] == list(range(4))
