"""What the command line prints: one JSON document, or lines for people; and how a command fails."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Annotated, Any, NoReturn, ParamSpec

import typer
from pydantic_core import to_jsonable_python

from entrypoints.errors import BAD_INPUT, NOT_FOUND, REFUSED, Failure
from entrypoints.terminal import say

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Arguments = ParamSpec("Arguments")


def refused(type: str, message: str, **data: Any) -> NoReturn:
    """End the command, which a rule of the business or a state refuses: exit code 3."""
    raise Failure(REFUSED, type, message, **data)


def not_found(what: str, identity: str) -> NoReturn:
    """End the command, because something that it names does not exist: exit code 4."""
    raise Failure(NOT_FOUND, "NotFound", f"there is no {what} {identity}", id=identity)


def bad_input(field: str, message: str) -> NoReturn:
    """End the command, because a field is wrong: exit code 2."""
    raise Failure(BAD_INPUT, "BadInput", f"{field}: {message}", field=field)


def show(answer: Any, *lines: str, as_json: bool) -> None:
    """Print the answer: the JSON document, or the lines."""
    if as_json:
        print(json.dumps(plain(answer), indent=2))
    else:
        say(*lines)


def plain(value: Any) -> Any:
    """Turn models into JSON values; absent fields are left out."""
    return to_jsonable_python(value, exclude_none=True)


def counted(number: int, what: str) -> str:
    """Return `1 booking`, `2 bookings`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def command(
    app: typer.Typer, name: str | None = None
) -> Callable[[Callable[Arguments, Coroutine[Any, Any, None]]], Callable[Arguments, None]]:
    """Make a coroutine a command of the app, which runs in an event loop of its own."""

    def register(
        coroutine: Callable[Arguments, Coroutine[Any, Any, None]],
    ) -> Callable[Arguments, None]:
        @app.command(name)
        @wraps(coroutine)
        def run_in_a_loop(*args: Arguments.args, **options: Arguments.kwargs) -> None:
            asyncio.run(coroutine(*args, **options))

        return run_in_a_loop

    return register
