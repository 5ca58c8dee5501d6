"""The migrations lead to the schema that people can read in one piece."""

import asyncpg

from tests.support.schema import STORED, schema_of

ONE_TOO_MANY = """
GRANT INSERT ON es.event TO box_office_worker;
ALTER TABLE views.booking ALTER COLUMN total SET NOT NULL;
"""


async def test_the_migrations_lead_to_the_stored_schema(database: str) -> None:
    stored = STORED.read_text("utf-8")
    assert await schema_of(database) == stored, "to store it: python -m tests.support.schema"


async def test_a_grant_or_a_constraint_too_many_is_found(database: str, pool: asyncpg.Pool) -> None:
    stored = set((await schema_of(database)).splitlines())
    await pool.execute(ONE_TOO_MANY)
    assert set((await schema_of(database)).splitlines()) - stored == {
        "GRANT SELECT,INSERT ON TABLE es.event TO box_office_worker;",
        "    total jsonb NOT NULL,",
    }
