"""Another user of this machine gets nothing from the embedded Postgres."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest

from entrypoints.devstack import cluster
from entrypoints.devstack.children import SETPRIV, Home, claim, free_port
from entrypoints.devstack.servers import Postgres, postgres, until_ready
from entrypoints.errors import StackError
from entrypoints.roles import LOGINS, OWNER, name_of
from entrypoints.settings import LOOPBACK, Settings
from entrypoints.wiring import MIGRATIONS, migrate_database
from eventstore.postgres.log import PostgresEventStore
from eventstore.postgres.migrate import migrate
from tests.support.log import append, stream

STRANGER = 54_321  # a user id that owns nothing here
NOT_ROOT = "only root can become another user"
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")

# Tries to connect as each role, and to read what is given; prints what was possible.
TRIES = """
import asyncio, sys
from pathlib import Path
import asyncpg

async def connects(port, role, password):
    try:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=port, user=role, password=password, database="box_office",
            ssl=False)
    except asyncpg.PostgresError:
        return False
    await connection.execute("COPY (SELECT 1) TO PROGRAM 'cat > /dev/null'")
    return True

def reads(path):
    try:
        return bool(list(path.iterdir()) if path.is_dir() else path.read_bytes())
    except PermissionError:
        return False

port, roles, *paths = sys.argv[1:]
for role in roles.split(","):
    for password in (None, "", role):
        if asyncio.run(connects(int(port), role, password)):
            print("connected as", role)
for path in map(Path, paths):
    if reads(path):
        print("read", path.name)
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory to which every user of the machine finds the way."""
    with TemporaryDirectory(prefix="box-office-test-") as name:
        there = Path(name)
        there.chmod(0o755)
        yield there


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def tries_of(user: int, server: Postgres, *paths: Path) -> str:
    """What somebody can do without knowing a password."""
    assert SETPRIV is not None
    as_user = (SETPRIV, f"--reuid={user}", f"--regid={user}", "--clear-groups")
    roles = ",".join((cluster.ADMIN, "postgres", *LOGINS))
    words = (*as_user, sys.executable, "-c", TRIES, str(server.port), roles, *map(str, paths))
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True, cwd="/")
    return done.stdout


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines)


@pytest.mark.skipif(os.geteuid() != 0, reason=NOT_ROOT)
async def test_a_stranger_neither_connects_nor_reads_the_data(directory: Path) -> None:
    home = directory / "data"
    async with claim(home) as claimed, postgres(claimed, durable=False) as server:
        connection = await asyncpg.connect(server.url())
        secrets = (home, home / "pgpass", home / "postgres", home / "postgres" / "base")
        assert tries_of(STRANGER, server, *secrets) == ""
        assert tries_of(cluster.NOBODY, server, home, home / "pgpass") == ""
        # The same questions find something where the doors are open.
        home.chmod(0o755)
        (home / "pgpass").chmod(0o644)
        await connection.execute("ALTER ROLE box_office PASSWORD 'box_office'")
        found = tries_of(STRANGER, server, *secrets).splitlines()
        assert found == ["connected as box_office", "read data", "read pgpass"]
        await connection.close()


async def test_postgres_has_no_privilege_beyond_its_own_files(tmp_path: Path) -> None:
    async with claim(tmp_path) as home, postgres(home, durable=False) as server:
        of = status_of(server.child.pid)
        if os.geteuid() == 0:
            assert {of["Uid"], of["NoNewPrivs"]} == {"\t".join(["65534"] * 4), "1"}
            assert {int(of[name], 16) for name in CAPABILITIES} == {0}
        else:
            assert int(of["CapEff"], 16) == 0


async def test_what_a_stack_keeps_is_for_its_own_user(directory: Path) -> None:
    home = directory / "data"
    async with claim(home) as claimed, postgres(claimed, durable=False):
        pass
    assert {
        path.name: mode(path) for path in (home, home / "pgpass", home / "postgres", home / "lock")
    } == {"data": "0o700", "pgpass": "0o600", "postgres": "0o700", "lock": "0o600"}


async def test_a_directory_that_is_somebody_elses_keeps_its_mode(directory: Path) -> None:
    (directory / "of-others").touch()
    async with claim(directory):
        pass
    assert mode(directory) == "0o755"


async def test_a_planted_lock_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("kept")
    home = tmp_path / "home"
    home.mkdir()
    (home / "lock").symlink_to(target)
    with pytest.raises(StackError, match="cannot be used"):
        async with claim(home):
            pass
    assert target.read_text() == "kept"


@asynccontextmanager
async def trusting(home: Home) -> AsyncIterator[str]:
    """A server as earlier versions ran it: whoever connects is the superuser."""
    data, port = home.directory / "postgres", free_port()
    if not data.exists():
        await cluster._create(home, durable=False)
    (data / "pg_hba.conf").write_text(f"host all all {LOOPBACK}/32 trust\n")
    options = ("-p", str(port), f"-clisten_addresses={LOOPBACK}", "-cunix_socket_directories=")
    url = f"postgresql://box_office@{LOOPBACK}:{port}/{{}}?sslmode=disable"

    async def connects() -> None:
        await (await asyncpg.connect(url.format("postgres"))).close()

    async with cluster._program(home, "postgres", *options, data=data) as started:
        await until_ready(started, connects)
        yield url


def open_for_all(directory: Path) -> None:
    directory.chmod(0o755)


async def test_the_cluster_of_an_earlier_version_keeps_its_data_and_trusts_nobody(
    directory: Path,
) -> None:
    async with claim(directory) as home:
        open_for_all(directory)
        async with trusting(home) as url:
            connection = await asyncpg.connect(url.format("postgres"))
            await connection.execute("COPY (SELECT 1) TO PROGRAM 'cat > /dev/null'")
            await connection.execute("CREATE DATABASE box_office")
            await connection.close()
            connection = await asyncpg.connect(url.format("box_office"))
            await migrate(connection, MIGRATIONS)
            await append(PostgresEventStore(connection), stream(), 1)
            await connection.close()
    async with claim(directory) as home, postgres(home, durable=False) as server:
        assert mode(directory) == "0o700"
        assert await migrate_database(Settings(database_url=server.url(role=OWNER))) == []
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.url().replace("passfile", "application_name"))
        worker = await asyncpg.connect(server.url(role=name_of("worker")))
        assert await worker.fetchval("SELECT count(*) FROM es.event") == 1
        await append(PostgresEventStore(worker), stream(2), 2)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.execute("DELETE FROM es.event")
        await worker.close()
        passwords = cluster.passwords_of(home)
    async with claim(directory) as home, postgres(home, durable=False) as server:
        await (await asyncpg.connect(server.url())).close()
        assert cluster.passwords_of(home) == passwords
