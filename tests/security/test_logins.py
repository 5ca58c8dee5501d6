"""An administrator lets programs into a database; whoever is none is told so."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from entrypoints.devstack.cluster import as_role
from entrypoints.devstack.servers import Postgres
from entrypoints.roles import OWNER, name_of
from entrypoints.settings import Settings
from entrypoints.wiring import box_office
from eventstore.slices import Category
from tests.support.database import connected
from tests.support.provider import Provider
from tests.support.terminal import run

PASSWORD = "known to the test only"
SECOND = "second_office"


@pytest.fixture
async def second(postgres: Postgres) -> AsyncIterator[str]:
    """The URL of a second box office's empty database, for a deployer who owns it."""
    async with connected(postgres.url("postgres")) as admin:
        await admin.execute(f"CREATE ROLE deployer LOGIN CREATEROLE PASSWORD '{PASSWORD}'")
        await admin.execute(f"CREATE DATABASE {SECOND} OWNER deployer")
        yield as_role(postgres.url(SECOND), f"deployer:{PASSWORD.replace(' ', '%20')}")
        await admin.execute(f"DROP DATABASE {SECOND} WITH (FORCE)")
        await admin.execute("DROP ROLE deployer")


async def test_in_a_cluster_whose_roles_another_made_an_administrator_is_asked_for(
    postgres: Postgres, template: str, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The roles are there, made for the first database, and are not the deployer's to give."""
    monkeypatch.setenv("BOX_OFFICE_DATABASE_URL", second)
    refused = await run("migrate")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("BOX_OFFICE_DATABASE_URL: its role may not do this: ")
    assert "`box-office logins` makes the roles" in refused.stderr

    monkeypatch.setenv("BOX_OFFICE_DATABASE_URL", postgres.url(SECOND))
    assert (await run("logins")).stdout == "nobody else can log in now\n"
    monkeypatch.setenv("BOX_OFFICE_DATABASE_URL", postgres.url(SECOND, role=OWNER))
    assert "applied eventstore/0001" in (await run("migrate")).stdout
    worker = Settings(database_url=postgres.url(SECOND, role=name_of("worker")))
    async with box_office(worker) as parts:
        assert await parts.store.heads(Category("booking"))


async def test_logins_makes_passwords_and_changes_them(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choose(password: str) -> None:
        monkeypatch.setenv("BOX_OFFICE_LOGIN_PASSWORDS", f"reader:{password}")

    async def lets_in(password: str) -> bool:
        url = as_role(database.partition("&passfile")[0], f"box_office_reader:{password}")
        try:
            async with connected(url):
                return True
        except asyncpg.InvalidPasswordError:
            return False

    monkeypatch.setenv("BOX_OFFICE_DATABASE_URL", database)
    before = await _verifier(database)
    try:
        for old, new in (
            ("another-password-1", "a-first-password"),
            ("a-first-password", "the-next-password"),
        ):
            choose(new)
            ran = await run("logins")
            assert (ran.exit_code, ran.stdout) == (0, "box_office_reader can log in now\n")
            assert (await lets_in(old), await lets_in(new)) == (False, True)
    finally:
        async with connected(database) as admin:
            await admin.execute(f"ALTER ROLE box_office_reader PASSWORD '{before}'")


async def _verifier(database: str) -> str:
    async with connected(database) as admin:
        found: str = await admin.fetchval(
            "SELECT rolpassword FROM pg_authid WHERE rolname = 'box_office_reader'"
        )
    return found


@pytest.mark.parametrize(
    "passwords",
    ["teller:secret-secret-secret", "worker:secret", "worker:secret-secret-é", "secret"],
)
async def test_a_wrong_password_setting_is_named_and_not_shown(
    passwords: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_LOGIN_PASSWORDS", passwords)
    ran = await run("logins")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr.startswith("BOX_OFFICE_LOGIN_PASSWORDS: role:password,... for owner, worker")
    assert "secret" not in ran.stderr


@pytest.mark.parametrize("line", ["verify", "lag", "list --client ann", "concert list"])
async def test_a_reader_may_look_at_everything(
    database: str, provider: Provider, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_PROVIDER_URL", provider.url)
    monkeypatch.setenv("BOX_OFFICE_DATABASE_URL", as_role(database, name_of("reader")))
    monkeypatch.setenv("BOX_OFFICE_PROCESS", "choreographed")  # or verify asks Temporal, too
    ran = await run(*line.split())
    assert (ran.exit_code, ran.stderr) == (0, "")
