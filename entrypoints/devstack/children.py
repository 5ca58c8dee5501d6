"""Child processes that never outlive this one, in a directory that one stack uses at a time."""

import asyncio
import errno
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from entrypoints.errors import StackError
from entrypoints.interrupts import SIGNALS
from entrypoints.settings import LOOPBACK

POLL_SECONDS = 0.02  # short beside the fastest start of a server, 0.1 s
ORPHANS_END_SECONDS = 15.0  # how long servers may take to stop after their parent was killed
STOP_SECONDS = 15.0  # then a child that does not stop is killed
LOG_TAIL_LINES = 20
SETPRIV = shutil.which("setpriv") if sys.platform == "linux" else None  # util-linux


@dataclass(frozen=True, slots=True)
class Child:
    """A process of ours; its output goes to `log`, behind that of earlier ones."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    log_start: int
    stop_signal: signal.Signals

    @property
    def pid(self) -> int:
        return self.process.pid

    def is_running(self) -> bool:
        return self.process.returncode is None

    async def wait(self) -> int:
        """Wait for its end; return the exit code, or minus the signal that ended it."""
        return await self.process.wait()

    async def stop(self) -> int:
        """Ask it to stop and kill it if it does not; safe to repeat."""
        self._signal(self.stop_signal)
        try:
            with suppress(TimeoutError):  # then it had its time
                async with asyncio.timeout(STOP_SECONDS):
                    await self.wait()
        finally:
            self.kill()
        return await self.wait()

    def kill(self) -> None:
        """Send SIGKILL: it has no chance to tidy up."""
        self._signal(signal.SIGKILL)

    def log_tail(self) -> str:
        """Return the last lines that it wrote itself."""
        lines = self.log.read_bytes()[self.log_start :].decode(errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running():
            with suppress(ProcessLookupError):
                self.process.send_signal(number)


@dataclass(frozen=True, slots=True)
class Home:
    """A directory claimed for one stack, and the children that were started in it.

    Every child inherits `lock`, so the claim ends with the last process that works in the
    directory, even when the parent was killed and a server is still shutting down.
    """

    directory: Path
    lock: int
    children: list[Child] = field(default_factory=list)


@asynccontextmanager
async def claim(directory: Path) -> AsyncIterator[Home]:
    """Claim a directory, which is made if it is missing; nobody else of this machine may read it.

    Raises:
        StackError: a stack runs in it, servers of a killed one do not come to an end, or it
            cannot be written to.
    """
    try:
        os.makedirs(directory, exist_ok=True)
        if (there := os.listdir(directory)) == [] or "lock" in there:  # nobody else's: no /tmp
            os.chmod(directory, 0o700)
        # A link there would lead us to empty somebody's file.
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StackError(f"{directory} cannot be used: {error.strerror}") from error
    try:
        await _lock(lock, directory)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield Home(directory, lock)
    finally:
        os.close(lock)


@asynccontextmanager
async def child(
    home: Home,
    name: str,
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str | None] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    privileges: Sequence[str] = (),
    files: Sequence[int] = (),
    stdin: int = subprocess.DEVNULL,
) -> AsyncIterator[Child]:
    """Run a child for the length of a block.

    Args:
        home: its output goes to `<name>.log` in there.
        name: what people call it.
        command: the program and its arguments.
        environment: what to add to our own environment; None takes a variable out of it.
        stop_signal: makes it stop in good order, also when this process dies, be it by SIGKILL.
        privileges: arguments of setpriv, Linux only.
        files: open files that it inherits.
        stdin: the open file that it reads.
    """
    log = home.directory / f"{name}.log"
    with log.open("ab") as output:
        log_start = output.tell()
        process = await asyncio.create_subprocess_exec(
            *(*_tied_to_this_process(stop_signal, privileges), *command),
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_variables(environment or {}),
            pass_fds=[home.lock, *files],
            start_new_session=True,  # Ctrl-C reaches only us: we stop the children in order
        )
    home.children.append(started := Child(name, process, log, log_start, stop_signal))
    try:
        yield started
    finally:
        await started.stop()


async def interruptible(
    work: Coroutine[None, None, None], home: Home, say: Callable[[str], None]
) -> bool:
    """Run the work in a home; return whether it ended before a signal cancelled it.

    The first signal stops it in order, a second kills what is left.
    """
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        if running.cancelling():
            say("Killing what is left ...")
            for started in home.children:
                started.kill()
        else:
            say("\nStopping ... (Ctrl-C again to kill)")
            running.cancel()

    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(work)
            for number in SIGNALS:
                loop.add_signal_handler(number, interrupt)
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
    return not running.cancelled()


def free_port(wanted: int | None = None) -> int:
    """Return the wanted port, or one that the kernel gives nobody else for a minute.

    A connection closed first on this side leaves the port in TIME_WAIT: skipped when the kernel
    picks a port, yet open to a server that binds it by number.

    Raises:
        StackError: the wanted port is taken.
    """
    try:
        server = socket.create_server((LOOPBACK, wanted or 0))
    except OSError as error:
        reason = os.strerror(error.errno or 0)  # `strerror` repeats the address
        raise StackError(f"port {wanted} cannot be used: {reason}") from error
    with closing(server):
        address: tuple[str, int] = server.getsockname()
        with closing(socket.create_connection(address)):
            accepted, _ = server.accept()
            accepted.close()
    return address[1]


def _variables(changes: Mapping[str, str | None]) -> dict[str, str]:
    variables = {**os.environ, **changes}  # handed on, not read
    return {name: value for name, value in variables.items() if value is not None}


def _tied_to_this_process(
    stop_signal: signal.Signals, privileges: Sequence[str]
) -> Sequence[str | Path]:
    if SETPRIV is None:
        return ()
    return (SETPRIV, f"--pdeathsig={stop_signal.name.removeprefix('SIG')}", *privileges)


async def _lock(lock: int, directory: Path) -> None:
    """Lock the file; wait only for the orphans of a dead stack."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + ORPHANS_END_SECONDS
    while True:
        with suppress(BlockingIOError):
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        owner = int(os.pread(lock, 20, 0) or b"0")
        if _is_alive(owner) or loop.time() > deadline:
            raise StackError(
                f"{directory} is in use by process {owner}; stop that one, "
                "or choose another directory"
            )
        await asyncio.sleep(POLL_SECONDS)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno == errno.EPERM  # somebody else's
    return True
