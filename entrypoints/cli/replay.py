"""`box-office replay`: does the code to be deployed go on with the processes that there are?"""

from datetime import UTC, datetime
from typing import Annotated

import typer

from entrypoints.cli import answers, inputs
from entrypoints.cli.answers import asynchronous
from entrypoints.cli.operations import Json
from entrypoints.cli.replays import Deviation, ran_since
from entrypoints.cli.replays import replay as replay_processes
from entrypoints.settings import Settings
from entrypoints.temporal import connect_temporal
from ticketing.value import Value

TOLD_EVERY = 100  # processes; a second or two

app = typer.Typer()


@app.command()
@asynchronous
async def replay(
    since: Annotated[str, typer.Option(metavar="DURATION", help="as 90s, 30m, 12h or 7d")],
    as_json: Json = False,
) -> None:
    """Replay what ran since then on the code installed here. Exit code 6 with findings."""
    begin = datetime.now(UTC) - inputs.duration(since, "--since")  # of a query
    settings = Settings()
    client = await connect_temporal(settings)
    query = ran_since(begin, settings.task_queue)
    total = (await client.count_workflows(query)).count

    def tell(done: int) -> None:
        if done % TOLD_EVERY == 0:
            typer.echo(f"replayed {done} of {total}", err=True)

    replayed = await replay_processes(client, query, tell=tell)
    found = replayed.deviations
    fail_on(
        found,
        summary=f"{len(found)} of {replayed.replayed} processes would fail on this code",
        answer=replayed,
    )
    text = f"{replayed.replayed} processes replayed: this code goes on with every one"
    answers.show(replayed, text, as_json=as_json)


def fail_on(deviations: list[Deviation], *, summary: str, answer: Value) -> None:
    """Exit code 6, unless there are none.

    Raises:
        CommandFailed: with the processes that would fail, and why.
    """
    if deviations:
        lines = [f"{each.workflow_id} would fail: {each.reason}" for each in deviations]
        raise answers.CommandFailed(
            answers.FINDINGS, "Findings", "\n".join((*lines, summary)), answers.plain(answer)
        )
