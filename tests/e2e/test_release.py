"""What `make release` hands out works without the checkout that it was built from.

RELEASE names the directory of a wheel and an sdist; without it both are built here.
"""

import asyncio
import json
import os
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import asyncpg
import pytest
from temporalio.client import Client

from entrypoints.devstack.children import child, claim, free_port
from entrypoints.devstack.servers import Postgres, listens, until_ready
from entrypoints.settings import LOOPBACK
from tests.support.programs import environment

ROOT = Path(__file__).parents[2]
HATCH = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]
PACKAGES: list[str] = HATCH["build"]["targets"]["wheel"]["packages"]
OF_THE_EXTRA = {"aiosmtpd"}  # only `box-office[embedded]` brings it
IMPORT_ALL = """
import importlib, json, pkgutil, sys
missing = {}
for package in sys.argv[1:]:
    path = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(path, package + "."):
        if not module.name.endswith("__main__"):
            try:
                where = importlib.import_module(module.name).__file__
            except ModuleNotFoundError as error:
                missing[module.name] = error.name.split(".")[0]
print(json.dumps({"missing": missing, "where": where}))
"""

pytestmark = pytest.mark.timeout(300)  # one test waits for an environment to be installed


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment with nothing but the wheel and what requirements.lock names."""

    directory: Path

    def run(self, *command: str, **variables: str) -> str:
        """What a program of the environment prints, started in an empty directory."""
        empty = self.directory / "empty"
        empty.mkdir(exist_ok=True)
        done = subprocess.run(
            [self.directory / "bin" / command[0], *command[1:]],
            cwd=empty,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if "RELEASE" in os.environ:
        return Path(os.environ["RELEASE"]).absolute()
    directory = tmp_path_factory.mktemp("release")
    _build(ROOT, directory)
    return directory


@pytest.fixture(scope="module")
def installed(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    directory = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    pip = (directory / "bin" / "pip", "--quiet", "--disable-pip-version-check")
    lock = ("--no-compile", "--require-hashes", "--requirement", ROOT / "requirements.lock")
    for what in (lock, ("--no-deps", "--no-index", _only(release, "*.whl"))):
        subprocess.run([*pip, "install", *what], check=True)
    subprocess.run([*pip, "check"], check=True)
    return Installed(directory)


@pytest.fixture
async def empty_database(postgres: Postgres) -> AsyncIterator[str]:
    server = await asyncpg.connect(postgres.url("postgres"))
    await server.execute("CREATE DATABASE released")
    yield postgres.url("released")
    await server.execute("DROP DATABASE released WITH (FORCE)")
    await server.close()


def test_the_wheel_holds_the_packages_and_no_tests(release: Path) -> None:
    with ZipFile(_only(release, "*.whl")) as wheel:
        names = [name for name in wheel.namelist() if ".dist-info/" not in name]
    assert {name.split("/")[0] for name in names} == set(PACKAGES)
    assert sorted(names) == sorted(_tracked())


def test_the_sdist_builds_the_same_wheel(release: Path, tmp_path: Path) -> None:
    with tarfile.open(_only(release, "*.tar.gz")) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    _build(source, tmp_path / "again", "-t", "wheel")
    built = _only(tmp_path / "again", "*.whl")
    assert built.name == _only(release, "*.whl").name
    assert built.read_bytes() == _only(release, "*.whl").read_bytes()


def test_every_module_is_found_in_the_wheel(installed: Installed) -> None:
    found = json.loads(installed.run("python", "-c", IMPORT_ALL, *PACKAGES))
    assert Path(found["where"]).is_relative_to(installed.directory)
    assert set(found["missing"].values()) <= OF_THE_EXTRA
    assert {module.split(".")[0] for module in found["missing"]} <= {"sandbox"}


async def test_it_migrates_an_empty_database_and_sells_a_ticket(
    installed: Installed, empty_database: str, client: Client, task_queue: str, tmp_path: Path
) -> None:
    finds = environment(empty_database, client, task_queue)
    del finds["PYTHONPATH"]  # which leads to the checkout
    box_office = partial(asyncio.to_thread, installed.run, "box-office", **finds)

    assert "deployment" in await box_office("--help")
    applied = json.loads(await box_office("migrate", "--json"))["applied"]
    assert len(applied) == len(list(ROOT.glob("*/migrations/*.sql")))
    examples = "from entrypoints.devstack.examples import EXAMPLES; print(EXAMPLES, end='')"
    await box_office("concert", "add", installed.run("python", "-c", examples))

    health = free_port()
    finds["BOX_OFFICE_HEALTH_ADDRESS"] = f"{LOOPBACK}:{health}"
    command = (installed.directory / "bin" / "box-office", "worker")
    async with claim(tmp_path) as home, child(home, "worker", command, environment=finds) as worker:
        await until_ready(worker, lambda: listens(health))
        seat = ("--concert", "concertA", "--client", "ann", "--seat", "3-14", "--id", "ann-1")
        assert json.loads(await box_office("place", *seat, "--json"))["status"] == "confirmed"
        assert await worker.stop() == 0


def _build(source: Path, directory: Path, *options: str) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(directory), *options]
    subprocess.run(command, cwd=source, check=True, capture_output=True)


def _only(directory: Path, pattern: str) -> Path:
    (file,) = directory.glob(pattern)
    return file


def _tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True
    )
    return listed.stdout.decode().splitlines()
