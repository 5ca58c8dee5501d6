"""Book tickets, and operate the box office."""

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.util import find_spec
from typing import Annotated

import typer
from typer._click.exceptions import (  # typer exports no base of its usage errors
    NoArgsIsHelpError,
    UsageError,
)

from entrypoints.cli import (
    bookings,
    concerts,
    deployment,
    log_digest,
    lost_bookings,
    mail,
    operations,
    replay,
)
from entrypoints.errors import BAD_INPUT, Failure, exit_code
from entrypoints.observability.telemetry import configure_logging, traced_command
from entrypoints.settings import ENV_FILE
from entrypoints.terminal import say

TRACED = ("place", "pay", "cancel")  # what clients ask of the process

LOCAL = ("demo", "deploy-drill", "up")  # a development installation has them, an image has not

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode=None)
if find_spec("entrypoints.devstack"):
    from entrypoints.cli import local

    app.add_typer(local.app)
for part in (
    concerts,
    bookings,
    mail,
    operations,
    log_digest,
    deployment,
    replay,
    lost_bookings,
):
    app.add_typer(part.app)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and logs.")] = False,
) -> None: ...


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line to its exit code."""
    command = typer.main.get_command(app)
    words = [word for word in arguments if word != "--debug"]

    def run() -> None:
        name = words[0] if words else ""
        if name in LOCAL and not find_spec("entrypoints.devstack"):
            message = f"`{name}` is for development, and not part of this installation."
            raise Failure(BAD_INPUT, "NotInstalled", message)
        try:
            with traced_command(name) if name in TRACED else nullcontext():
                code = command.main(words, prog_name="box-office", standalone_mode=False)
        except NoArgsIsHelpError as error:
            error.show()
            sys.exit(BAD_INPUT)
        except UsageError as error:
            raise _usage(error) from error
        if code:  # of typer.Exit
            sys.exit(code)

    return exit_code(run, as_json="--json" in words, debug=len(words) < len(arguments))


def _usage(error: UsageError) -> Failure:
    message = error.format_message().rstrip(".")
    end = "" if message.endswith("?") else "."
    where = error.ctx.command_path if error.ctx else "box-office"
    return Failure(BAD_INPUT, "BadInput", f"{message}{end} See `{where} --help`.", command=where)


def main() -> None:
    """The `box-office` command.

    Ends without Python's own shutdown, in which the SDK's threads crash now and then
    (sdk-python#300): a command that did its work must not exit with 134.
    """
    # The answer says what went wrong; what libraries say of it meanwhile is for those who debug.
    configure_logging(logging.WARNING if "--debug" in sys.argv else logging.CRITICAL)
    if ENV_FILE and sys.stderr.isatty():  # a program logs it
        say(ENV_FILE, to=sys.stderr)
    code = invoke(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
