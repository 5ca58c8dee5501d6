"""The database's clock, in the hands of a test."""

from datetime import timedelta

import asyncpg

# In seconds: an interval's days depend on the session's time zone.
# $1 offset. The server quotes it: a function's definition takes no binds.
REDEFINE = """
    SELECT format(
        'CREATE OR REPLACE FUNCTION es.now() RETURNS timestamptz LANGUAGE sql VOLATILE '
        'RETURN clock_timestamp() + make_interval(secs => %s)', extract(epoch FROM $1::interval))
"""


class Clock:
    """Moves `es.now()` of one database; it keeps running. The offset survives no test."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._offset = timedelta()

    async def advance(self, by: timedelta) -> None:
        await self.set_offset(self._offset + by)

    async def set_offset(self, offset: timedelta) -> None:
        """How far the database is ahead of the machine."""
        connection = await asyncpg.connect(self._database)
        try:
            await connection.execute(await connection.fetchval(REDEFINE, offset))
        finally:
            await connection.close()
        self._offset = offset
