"""`es.append` takes what a writer means, or refuses: nothing in between."""

import random
from collections.abc import Sequence

import asyncpg
import pytest

from eventstore.postgres.verify import verify_log
from eventstore.slices import Category, slice_of, slices_of
from tests.support.log import stream

SEED = 20310501
CALLS = 400
ELEMENTS = {
    "uuid": "00000000-0000-0000-0000-00000000000{}",
    "text": "Noted{}",
    "smallint": "{}",
    "jsonb": '"{{\\"number\\": {}}}"',
}
MISTAKES = ("longer", "shorter", "nulls", "nested", "shifted", "empty", "missing")
REFUSED = (asyncpg.InvalidParameterValueError, asyncpg.NotNullViolationError)


def array(type: str, size: int, mistake: str | None) -> str:
    values = [ELEMENTS[type].format(number) for number in range(1, size + 1)]
    match mistake:
        case None:
            return f"'{{{', '.join(values)}}}'::{type}[]"
        case "longer":
            return array(type, size + 1, None)
        case "shorter":
            return array(type, size - 1, None)
        case "nulls":
            return f"'{{{', '.join([*values[1:], 'NULL'])}}}'::{type}[]"
        case "nested":
            return f"'{{{{{', '.join(values)}}}}}'::{type}[]"
        case "shifted":
            return f"'[0:{size - 1}]={{{', '.join(values)}}}'::{type}[]"
        case "empty":
            return f"'{{}}'::{type}[]"
        case _:
            return "NULL"


def call(slice: int, to: str, number: int, arrays: Sequence[str]) -> str:
    return (
        f"SELECT outcome FROM es.append({slice}, '{to}', 0, '{number:032x}', '{number:032x}', "
        f"{', '.join(arrays)}, '{{}}')"
    )


async def test_arrays_of_any_other_form_are_refused(pool: asyncpg.Pool) -> None:
    draw = random.Random(SEED)
    for number in range(CALLS):
        size = draw.choice((1, 2, 3))
        wrong = set(draw.sample(list(ELEMENTS), draw.choice((0, 1, 1, 2, 4))))
        mistake = draw.choice(MISTAKES)
        arrays = [array(type, size, mistake if type in wrong else None) for type in ELEMENTS]
        to = stream(number)
        sql = call(slice_of(to), to, number, arrays)
        if wrong and (mistake, len(wrong)) not in (("longer", 4), ("shorter", 4)):
            await refused(pool, sql)
        elif size == 1 and mistake == "shorter" and wrong:
            await refused(pool, sql)  # nothing is left
        else:
            assert await pool.fetchval(sql) == "appended", sql
    assert await verify_log(pool) == []


async def test_a_stream_of_another_category_is_refused(pool: asyncpg.Pool) -> None:
    arrays = [array(type, 1, None) for type in ELEMENTS]
    booking, payment = slice_of(stream()), slices_of(Category("payment"))[0]
    for slice, to in (
        (payment, stream()),
        (booking, "payment-1"),
        (booking, "bookings-1"),
        (booking, "BOOKING-1"),
        (booking, "-1"),
        (booking, ""),
        (64 + 64, stream()),
        (-1, stream()),
    ):
        await refused(pool, call(slice, to, 1, arrays))
    assert await pool.fetchval(call(booking, stream(), 1, arrays)) == "appended"
    await refused(pool, call(booking, "payment-1", 2, arrays))  # also when the slice has events
    await refused(pool, call(booking + 1, stream(), 2, arrays).replace(", 0, ", ", -1, "))
    assert await verify_log(pool) == []


async def test_what_is_no_object_is_refused(pool: asyncpg.Pool) -> None:
    arrays = [array(type, 1, None) for type in ELEMENTS]
    good = call(slice_of(stream()), stream(), 1, arrays)
    for text in ("[]", "1", "null", '"{}"', "true"):
        await refused(pool, good.replace("'{}')", f"'{text}')"))
        data = f"ARRAY[$${text}$$]::jsonb[]"
        await refused(pool, call(slice_of(stream()), stream(), 1, [*arrays[:3], data]))
    assert await pool.fetchval(good) == "appended"


async def refused(pool: asyncpg.Pool, sql: str) -> None:
    """The call fails for its arguments, and stores nothing."""
    before = await pool.fetchval("SELECT count(*) FROM es.event")
    with pytest.raises(REFUSED):
        await pool.fetchval(sql)
    assert await pool.fetchval("SELECT count(*) FROM es.event") == before
