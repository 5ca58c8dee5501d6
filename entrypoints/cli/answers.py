"""What the command line prints: one JSON document, or lines for people; errors with exit codes."""

import asyncio
import json
import sys
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import wraps
from typing import Any, NoReturn, ParamSpec

import asyncpg
from pydantic import BaseModel, ValidationError
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.service import RPCError, RPCStatusCode

from entrypoints.devstack.children import StackError
from entrypoints.settings import PREFIX, TEMPORAL_PREFIX, Settings, WorkerVersion, temporal_address
from entrypoints.temporal import TemporalUnreachable
from ticketing.errors import TransientError
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
POSTGRES_GONE = (
    OSError,  # TimeoutError, too
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)

Arguments = ParamSpec("Arguments")


@dataclass(eq=False)  # not frozen: a context manager that it passes through sets its traceback
class CommandFailed(Exception):
    """Ends a command with an exit code and one sentence; `data` is for `--json`."""

    code: int
    type: str
    message: str
    data: dict[str, Any]


def refused(type: str, message: str, **data: Any) -> NoReturn:
    """A rejection or a denial: exit code 3."""
    raise CommandFailed(REFUSED, type, message, data)


def not_found(what: str, identity: str) -> NoReturn:
    """Exit code 4."""
    raise CommandFailed(NOT_FOUND, "NotFound", f"there is no {what} {identity}", {"id": identity})


def bad_input(field: str, message: str) -> NoReturn:
    """Exit code 2."""
    raise CommandFailed(BAD_INPUT, "BadInput", f"{field}: {message}", {"field": field})


def show(answer: Any, text: str, *, as_json: bool) -> None:
    """Print the answer: the JSON document, or the text."""
    print(json.dumps(plain(answer), indent=2) if as_json else text)


def plain(value: Any) -> Any:
    """Models to JSON values, absent fields left out."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def counted(number: int, what: str) -> str:
    """`1 booking`, `2 bookings`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def asynchronous(
    command: Callable[Arguments, Coroutine[Any, Any, None]],
) -> Callable[Arguments, None]:
    """A command that runs in a loop of its own."""

    @wraps(command)
    def run_in_a_loop(*args: Arguments.args, **options: Arguments.kwargs) -> None:
        asyncio.run(command(*args, **options))

    return run_in_a_loop


def exit_code(command: Callable[[], object], *, as_json: bool, debug: bool = False) -> int:
    """Run a command, print what went wrong if something did, and say how it ended."""
    try:
        command()
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else OK
    except Exception as error:
        if debug:
            traceback.print_exc()
        failed = failure(_alone(error))
        if as_json:
            document = {"type": failed.type, "message": failed.message, **plain(failed.data)}
            print(json.dumps({"error": document}, indent=2))
        else:
            print(failed.message, file=sys.stderr)
        return failed.code
    return OK


def is_defect(error: Exception) -> bool:
    """Whether it is nothing that a person who runs us can mend."""
    return failure(_alone(error)).code == DEFECT


def failure(error: Exception) -> CommandFailed:
    """What a person is told of an error. No password or secret is in it."""
    error = _cause(error)
    match error:
        case CommandFailed():
            return error
        case ValidationError() | UnknownKeyError():
            return _invalid(error)
        case StackError():
            return CommandFailed(UNREACHABLE, "StackError", str(error), {})
        case NoAnswerError():
            message = f"{error}. It goes on by itself when a worker runs. {NOTHING_LOST}"
            return CommandFailed(UNREACHABLE, "NoAnswer", message, {})
        case TemporalUnreachable():
            return unreachable("Temporal", str(error), "no answer")
        case RPCError():
            return _refused_by_temporal(error)
        case TransientError():
            return CommandFailed(UNREACHABLE, "Unreachable", f"{error}. {NOTHING_LOST}", {})
        case _ if isinstance(error, NOT_MIGRATED):
            message = f"{_postgres()} has not our schemas: run `box-office migrate`"
            return CommandFailed(UNREACHABLE, "NotMigrated", message, {})
        case _ if isinstance(error, POSTGRES_GONE):
            return unreachable("Postgres", _postgres(), type(error).__name__)
        case _:
            return _defect(error)


def _cause(error: Exception) -> Exception:
    """What ended a task group, if one ended."""
    return _cause(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


def unreachable(server: str, address: str, why: str) -> CommandFailed:
    """Which server, its address, how to start it, and that nothing was lost."""
    return CommandFailed(
        UNREACHABLE,
        "Unreachable",
        f"{server} at {address} is unreachable ({why}). Start it with `box-office up`. "
        f"{NOTHING_LOST}",
        {"server": server, "address": address},
    )


def _refused_by_temporal(error: RPCError) -> CommandFailed:
    if error.status in GONE:
        return unreachable("Temporal", temporal_address(), error.status.name)
    if any(each.Is(NamespaceNotFoundFailure.DESCRIPTOR) for each in error.grpc_status.details):
        field = f"{TEMPORAL_PREFIX}NAMESPACE"
        return CommandFailed(BAD_INPUT, "BadInput", f"{field}: {error}", {"field": field})
    return _defect(error)


def _defect(error: Exception) -> CommandFailed:
    hint = "`--debug` shows where; the logs of `box-office up` are in its data directory"
    message = f"{type(error).__name__}: {str(error).rstrip('.')}. This is a defect; {hint}"
    return CommandFailed(DEFECT, type(error).__name__, message, {})


def _alone(error: Exception) -> Exception:
    """What is alone in a group, as a task of a group fails."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _postgres() -> str:
    host = Settings().database_url.hosts()[0]
    return f"{host['host']}:{host['port'] or 5432}{Settings().database_url.path or ''}"


def _invalid(error: ValidationError | UnknownKeyError) -> CommandFailed:
    """The first thing that is wrong. What was given is left out: it may be a secret."""
    if isinstance(error, UnknownKeyError):
        place = f"{PREFIX}PAYLOAD_KEYS"
        message = f"{place}: {error}. {NOTHING_LOST}"
        return CommandFailed(BAD_INPUT, "BadInput", message, {"field": place})
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    prefix = {Settings.__name__: PREFIX, WorkerVersion.__name__: TEMPORAL_PREFIX}.get(error.title)
    if prefix:
        place = f"{prefix}{place.upper()}" if place else "settings"
    message = f"{place}: {first['msg'].removeprefix('Value error, ')}"
    return CommandFailed(BAD_INPUT, "BadInput", message, {"field": place})
