"""Whatever the driver raises because the server hung up or is not ready, waiting is the answer."""

import asyncio

import asyncpg
import pytest

from entrypoints.devstack.servers import Postgres
from eventstore.faults import is_connection_fault
from eventstore.postgres.log import PostgresEventStore
from tests.support.log import append, stream

MOMENTS, ROUNDS = 60, 5


async def hung_up_on(pool: asyncpg.Pool, database: str, moment: int) -> Exception | None:
    """Return what a request raises, begun so many moments after the server was told to hang up."""
    victim = await asyncpg.connect(database)
    hang_up = pool.execute(f"SELECT pg_terminate_backend({victim.get_server_pid()})")
    hanging_up = asyncio.create_task(hang_up)
    for _ in range(moment):
        await asyncio.sleep(0)
    try:
        await victim.execute("BEGIN")
    except Exception as error:  # noqa: BLE001  # which ones there are is the question
        return error
    finally:
        await hanging_up
        victim.terminate()
    return None


async def test_however_a_server_hangs_up_it_is_a_connection_fault(
    pool: asyncpg.Pool, database: str
) -> None:
    raised = [
        await hung_up_on(pool, database, moment) for moment in range(MOMENTS) for _ in range(ROUNDS)
    ]
    assert {type(error) for error in raised} >= {asyncpg.InternalClientError}
    assert [error for error in raised if error and not is_connection_fault(error)] == []


async def test_a_database_that_accepts_no_connections_is_a_connection_fault(
    postgres: Postgres, database: str
) -> None:
    name = database.rpartition("/")[2].partition("?")[0]
    server = await asyncpg.connect(postgres.url("postgres"))
    try:
        await server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        with pytest.raises(asyncpg.PostgresError) as refused:
            await asyncpg.connect(database)
    finally:
        await server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
        await server.close()
    assert is_connection_fault(refused.value)


async def test_an_append_to_a_standby_is_a_connection_fault(database: str) -> None:
    read_only = {"default_transaction_read_only": "on"}
    async with asyncpg.create_pool(database, min_size=1, server_settings=read_only) as standby:
        with pytest.raises(asyncpg.PostgresError) as refused:
            await append(PostgresEventStore(standby), stream(), 1)
    assert is_connection_fault(refused.value)


async def test_a_wrong_argument_is_no_connection_fault(pool: asyncpg.Pool) -> None:
    with pytest.raises(asyncpg.DataError) as wrong:
        await pool.fetchval("SELECT $1::bigint", "five")
    assert not is_connection_fault(wrong.value)
