"""How a program ends when something went wrong: exit code, type, one sentence and data."""

import json
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
from pydantic import ValidationError
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.service import RPCError, RPCStatusCode

from entrypoints.settings import PREFIX, TEMPORAL_PREFIX, Settings, WorkerVersion, temporal_address
from entrypoints.terminal import say
from eventstore.errors import TransientError
from eventstore.faults import is_connection_fault
from ticketing.process import NoAnswerError
from workflows.encryption import UnknownKeyError

OK, DEFECT, BAD_INPUT, REFUSED, NOT_FOUND, UNREACHABLE, FINDINGS = 0, 1, 2, 3, 4, 5, 6
INTERRUPTED = 130  # as a shell says of Ctrl-C

NOTHING_LOST = (
    "Nothing was lost: `box-office show ID` tells what is stored, and the same command with the "
    "same id is safe to repeat."
)
GONE = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)
NOT_MIGRATED = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.InvalidSchemaNameError,
)
NOT_LET_IN = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)


class Failure(Exception):
    """Ends a program with an exit code and a line or more; `data` is for `--json`."""

    def __init__(self, code: int, type: str, *lines: str, **data: Any) -> None:
        super().__init__("\n".join(lines))
        self.code, self.type, self.lines, self.data = code, type, lines, data


class BadSetting(Failure):
    """A variable of the environment is missing or wrong."""

    def __init__(self, variable: str, message: str) -> None:
        super().__init__(BAD_INPUT, "BadInput", f"{variable}: {message}", field=variable)


class StackError(Failure):
    """A part of the stack on this machine cannot start, or it ended by itself."""

    def __init__(self, message: str) -> None:
        super().__init__(UNREACHABLE, "StackError", *message.split("\n"))


class NotAsTold(Failure):
    """The demo or the drill tells something that did not happen."""

    def __init__(self, message: str) -> None:
        super().__init__(DEFECT, "NotAsTold", message)


class InvariantsBroken(Failure):
    """The verification has findings."""

    def __init__(self, findings: Sequence[object]) -> None:
        lines = list(map(str, findings))
        super().__init__(FINDINGS, "Findings", *lines, findings=lines)


def exit_code(program: Callable[[], object], *, as_json: bool, debug: bool = False) -> int:
    """Run a program, print what went wrong if something did, and return its exit code."""
    try:
        program()
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else OK
    except Exception as error:
        if debug:
            say(*traceback.format_exc().split("\n"), to=sys.stderr)
        failed = failure(error)
        if as_json:
            document = {"type": failed.type, "message": str(failed), **failed.data}
            print(json.dumps({"error": document}, indent=2))
        else:
            say(*failed.lines, to=sys.stderr)
        return failed.code
    return OK


def failure(error: Exception) -> Failure:
    """Return what a person is told of an error. No password or secret is in it."""
    if isinstance(error, ExceptionGroup):
        return failure(error.exceptions[0])  # what ended a task group first
    match error:
        case Failure():
            return error
        case ValidationError():
            return _invalid(error)
        case UnknownKeyError():
            return BadSetting(f"{PREFIX}PAYLOAD_KEYS", f"{error}. {NOTHING_LOST}")
        case NoAnswerError():
            message = (
                f"{error}. It continues by itself while workers or consumers run. {NOTHING_LOST}"
            )
            return Failure(UNREACHABLE, "NoAnswer", message)
        case RPCError():
            return _refused_by_temporal(error)
        case TransientError():
            return Failure(UNREACHABLE, "Unreachable", f"{error}. {NOTHING_LOST}")
        case _:
            return _of_postgres(error) or _defect(error)


def unreachable(server: str, address: str, why: str) -> Failure:
    """Return what a person is told of a server that does not answer."""
    return Failure(
        UNREACHABLE,
        "Unreachable",
        f"{server} at {address} is unreachable ({why}). Start it with `box-office up`. "
        f"{NOTHING_LOST}",
        server=server,
        address=address,
    )


def _refused_by_temporal(error: RPCError) -> Failure:
    if error.status in GONE:
        return unreachable("Temporal", temporal_address(), error.status.name)
    if any(detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in error.grpc_status.details):
        return BadSetting(f"{TEMPORAL_PREFIX}NAMESPACE", str(error))
    return _defect(error)


def _of_postgres(error: Exception) -> Failure | None:
    if isinstance(error, NOT_MIGRATED):
        message = f"{_postgres()} does not have our schemas: run `box-office migrate`"
        return Failure(UNREACHABLE, "NotMigrated", message)
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        message = f"its role may not do this: {error}. `box-office logins` makes the roles"
        return BadSetting(f"{PREFIX}DATABASE_URL", message)
    if isinstance(error, NOT_LET_IN) or is_connection_fault(error):
        return unreachable("Postgres", _postgres(), type(error).__name__)
    return None


def _defect(error: Exception) -> Failure:
    hint = "`--debug` shows where; the logs of `box-office up` are in its data directory"
    message = f"{type(error).__name__}: {str(error).rstrip('.')}. This is a defect; {hint}"
    return Failure(DEFECT, type(error).__name__, message)


def _postgres() -> str:
    host = Settings().database_url.hosts()[0]
    return f"{host['host']}:{host['port'] or 5432}{Settings().database_url.path or ''}"


def _invalid(error: ValidationError) -> Failure:
    """Name the first thing that is wrong. What was given is left out: it may be a secret."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    prefix = {Settings.__name__: PREFIX, WorkerVersion.__name__: TEMPORAL_PREFIX}.get(error.title)
    if prefix:
        place = f"{prefix}{place.upper()}" if place else "settings"
    return BadSetting(place, first["msg"].removeprefix("Value error, "))
