"""The commands of `box-office` that run the whole system on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from entrypoints import answers
from entrypoints.children import StackError
from entrypoints.demo import EXAMPLES, put_on_sale, tell
from entrypoints.settings import Settings
from entrypoints.system import stack

app = typer.Typer()


@app.command()
def demo(
    keep: Annotated[bool, typer.Option(help="leave the stack up at the end")] = False,
) -> None:
    """The whole story on a stack of its own, then exit."""
    answers.run(tell(keep=keep), as_json=False)


@app.command()
def up(
    data_dir: Annotated[Path, typer.Option()] = Path(".data"),
    temporal_port: int = 7233,
    ui_port: int = 8233,
    postgres_port: int = 54329,
) -> None:
    """Postgres, Temporal, Web UI, worker and consumers in the foreground; Ctrl-C stops all."""

    async def command() -> None:
        print(f"Starting in {data_dir} ...", flush=True)
        ports = {"temporal_port": temporal_port, "ui_port": ui_port, "postgres_port": postgres_port}
        async with stack(data_dir, Settings(), **ports) as running:
            await put_on_sale(running.settings, EXAMPLES)
            print(
                f"Web UI    {running.ui_url}\n"
                f"Temporal  {running.temporal_address}\n"
                f"Postgres  {running.settings.database_url}\n"
                "In another terminal: .venv/bin/box-office place "
                "--concert concertA --client ann --seat 3-14\n"
                "Ctrl-C stops everything; the next `up` goes on where this one was.",
                flush=True,
            )
            ended = await running.wait_for_the_end_of_a_part()
            raise StackError(
                f"the {ended.name} ended by itself; the end of its log:\n{ended.log_tail()}"
            )

    answers.run(command(), as_json=False)
