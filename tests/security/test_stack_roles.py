"""In a running system each program is connected as its own role, and none as a superuser."""

from pathlib import Path
from typing import Literal

import asyncpg
import pytest

from entrypoints.devstack.children import claim
from entrypoints.devstack.cluster import ADMIN, as_role, passwords_of
from entrypoints.devstack.stack import Ports, stack
from entrypoints.settings import Settings

CONNECTED = """
SELECT DISTINCT usename
  FROM pg_stat_activity
 WHERE datname = 'box_office' AND pid <> pg_backend_pid()
"""


@pytest.mark.parametrize(
    ("process", "roles"),
    [
        ("orchestrated", {"worker", "consumer", "receiver", "reader"}),
        ("choreographed", {"choreography", "receiver", "reader"}),
    ],
)
async def test_each_program_of_the_stack_has_its_own_role_and_knows_no_password(
    tmp_path: Path, process: Literal["orchestrated", "choreographed"], roles: set[str]
) -> None:
    async with (
        claim(tmp_path) as home,
        stack(home, Settings(process=process), Ports(), lambda _: None) as running,
    ):
        url = str(running.settings.database_url)
        admin = await asyncpg.connect(as_role(url, ADMIN))
        connected = {role for (role,) in await admin.fetch(CONNECTED)}
        await admin.close()
        assert connected == {f"box_office_{role}" for role in roles}
        told = " ".join(str(value) for value in running.environment.values())
        assert [role for role, password in passwords_of(home).items() if password in told] == []
