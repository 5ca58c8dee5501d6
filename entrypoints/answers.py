"""What the command line prints: one JSON document, or lines for people; errors with exit codes."""

import asyncio
import json
import sys
import traceback
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, NoReturn

import asyncpg
from pydantic import BaseModel, ValidationError
from temporalio.service import RPCError

from entrypoints.children import StackError
from entrypoints.settings import Settings
from ticketing.process import NoAnswerError

OK, DEFECT, BAD_INPUT, REFUSED, NOT_FOUND, UNREACHABLE, FINDINGS = 0, 1, 2, 3, 4, 5, 6


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


def run(command: Coroutine[Any, Any, None], *, as_json: bool, debug: bool = False) -> None:
    """Run a command to its exit code.

    Raises:
        SystemExit: with the code of docs/architecture.md, always but on success.
    """
    try:
        asyncio.run(command)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if debug:
            traceback.print_exc()
        failed = _failure(error)
        if as_json:
            document = {"type": failed.type, "message": failed.message, **plain(failed.data)}
            print(json.dumps({"error": document}, indent=2))
        else:
            print(failed.message, file=sys.stderr)
        sys.exit(failed.code)


def _failure(error: Exception) -> CommandFailed:
    match error:
        case CommandFailed():
            return error
        case ValidationError():
            return _invalid(error)
        case NoAnswerError():
            return CommandFailed(
                UNREACHABLE,
                "NoAnswer",
                f"{error}: no worker answered. Nothing is lost, the process goes on when one "
                "runs (box-office worker); the same command with the same id is safe to repeat.",
                {},
            )
        case StackError():
            return CommandFailed(UNREACHABLE, "StackError", str(error), {})
        case RPCError() | RuntimeError() if "connect" in str(error).lower():
            return _unreachable("Temporal", "TEMPORAL_ADDRESS, localhost:7233 by default", error)
        case OSError() | asyncpg.PostgresConnectionError() | asyncpg.CannotConnectNowError():
            url = Settings().database_url
            return _unreachable(
                "Postgres", f"{url.hosts()[0]['host']}:{url.hosts()[0]['port']}", error
            )
        case _:
            return CommandFailed(DEFECT, type(error).__name__, f"{error}", {})


def _unreachable(server: str, address: str, error: Exception) -> CommandFailed:
    return CommandFailed(
        UNREACHABLE,
        "Unreachable",
        f"{server} ({address}) is unreachable: {error}. Start it with `box-office up`. Nothing was "
        "lost: `box-office show ID` tells what is stored, and the same id is safe to repeat.",
        {"server": server, "address": address},
    )


def _invalid(error: ValidationError) -> CommandFailed:
    first = error.errors()[0]
    if not first["loc"]:  # the settings, all of them: there are secrets in it
        return CommandFailed(BAD_INPUT, "BadInput", first["msg"], {"field": "settings"})
    field = ".".join(str(part) for part in first["loc"])
    return CommandFailed(
        BAD_INPUT, "BadInput", f"{field}: {first['msg']}, got {first['input']!r}", {"field": field}
    )
