from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.runner.plan import Plan, Step, plan
from bench.runs.rows import Row

ROWS = st.lists(
    st.tuples(
        st.builds(Row, st.sampled_from("xy"), st.sampled_from("abc"), st.sampled_from(["", "t"])),
        st.lists(st.integers(0, 40).map(str), unique=True),
    ),
    unique_by=lambda row: row[0],
    max_size=6,
)


@given(ROWS, st.sets(st.tuples(st.sampled_from("abc"), st.integers(0, 40).map(str))), st.integers(1, 9))
def test_everything_missing_is_planned_once_in_order_and_nothing_else(
    rows: list[tuple[Row, list[str]]], finished: set[tuple[str, str]], chunk: int
) -> None:
    found = plan(rows, lambda row, id: (row.derainer, id) in finished, lambda row: chunk)
    planned = [(step.row, id) for step in found.steps for id in step.ids]
    assert planned == [(row, id) for row, ids in rows for id in ids if (row.derainer, id) not in finished]
    assert found.images == len(planned)
    assert found.images + found.done == sum(len(ids) for _, ids in rows)
    assert all(1 <= len(step.ids) <= chunk for step in found.steps)
    short = [step.row for step in found.steps if len(step.ids) < chunk]
    assert len(short) == len(set(short)), "a row has at most one step that is not full"


@given(ROWS, st.integers(1, 9), st.data())
def test_resuming_plans_exactly_the_rest(rows: list[tuple[Row, list[str]]], chunk: int, data: st.DataObject) -> None:
    whole = [(step.row, id) for step in plan(rows, lambda row, id: False, lambda row: chunk).steps for id in step.ids]
    done = set(whole[: data.draw(st.integers(0, len(whole)))])
    rest = plan(rows, lambda row, id: (row, id) in done, lambda row: chunk)
    assert [(step.row, id) for step in rest.steps for id in step.ids] == whole[len(done) :]
    assert rest.done == len(done)


def test_a_row_that_is_finished_has_no_step() -> None:
    rows = [(Row("d", "a"), ["1", "2", "3"]), (Row("d", "b"), ["1", "2", "3"])]
    assert plan(rows, lambda row, id: row.derainer == "a" or id == "2", lambda row: 1) == Plan(
        (Step(Row("d", "b"), ("1",)), Step(Row("d", "b"), ("3",))), 4
    )
    assert plan(rows, lambda row, id: True, lambda row: 8) == Plan((), 6)
    assert plan([], lambda row, id: False, lambda row: 8) == Plan((), 0)
