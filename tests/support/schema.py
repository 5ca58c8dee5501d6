"""The schema that the migrations lead to, as text; running this module stores it again."""

import asyncio
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import PostgresDsn

from entrypoints.devstack.children import claim
from entrypoints.devstack.servers import postgres
from entrypoints.roles import OWNER
from entrypoints.settings import Settings
from entrypoints.wiring import migrate_database
from tests.support.dumps import dump

STORED = Path(__file__).parents[1] / "integration" / "schema" / "schema.sql"


async def schema_of(database: str) -> str:
    """Tables, indexes, functions, grants; nothing that depends on the version of the tool."""
    text = await dump(database, "--schema-only")
    lines = (line for line in text.splitlines() if not re.match(r"--|\\|SET |SELECT pg_cat", line))
    return re.sub(r"\n{2,}", "\n\n", "\n".join(lines)).strip() + "\n"


async def _store() -> None:
    with TemporaryDirectory() as directory:
        async with claim(Path(directory)) as home, postgres(home, durable=False) as server:
            await migrate_database(Settings(database_url=PostgresDsn(server.url(role=OWNER))))
            STORED.write_text(await schema_of(server.url()))


if __name__ == "__main__":
    asyncio.run(_store())
