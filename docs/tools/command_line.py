"""The page of the command line: what `--help` prints, of every command."""

from collections.abc import Iterator

import typer
from typer._click import Command, Context  # typer exports no way to walk its commands
from typer.core import TyperGroup

from entrypoints.cli.app import app

COLUMNS = 88

INTRODUCTION = """\
# The command line

What `box-office COMMAND --help` prints, of every command. A command that answers takes `--json`,
and then prints one JSON document. What its exit codes mean is in
[the architecture](../architecture.md#exit-codes).
"""


def page() -> str:
    """Return docs/reference/command-line.md."""
    group = typer.main.get_command(app)
    sections = (
        f"## {words}\n\n```text\n{help_text}\n```\n"
        for words, help_text in _helps("box-office", group)
    )
    return "\n".join([INTRODUCTION, *sections])


def _helps(
    words: str, command: Command, parent: Context | None = None
) -> Iterator[tuple[str, str]]:
    context = Context(
        command,
        info_name=words.rpartition(" ")[2],
        parent=parent,
        terminal_width=COLUMNS,
        max_content_width=COLUMNS,
    )
    yield words, command.get_help(context)
    if isinstance(command, TyperGroup):
        for name, part in command.commands.items():
            yield from _helps(f"{words} {name}", part, context)
