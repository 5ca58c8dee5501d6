"""The page and the pictures of the two entities, as their deciders answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docs.tools.deciders import NO_ENTITY, Answer, answers, changes, decision_table
from docs.tools.diagrams import Arrow, Point, picture
from docs.tools.examples import BOOKING_COMMANDS, NOW, PAYMENT_COMMANDS
from docs.tools.markdown import code, table
from ticketing.booking.decider import BOOKING
from ticketing.decider import Decider
from ticketing.payment.decider import PAYMENT


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity, and where its statuses stand in the picture."""

    name: str
    decider: Decider[Any, Any, Any, Any]
    commands: Sequence[object]
    grid: Mapping[str, Point]

    @property
    def package(self) -> str:
        return self.name.lower()

    @property
    def answers(self) -> Sequence[Answer]:
        return answers(self.decider, self.commands, NOW)


ENTITIES = (
    Entity(
        "Booking",
        BOOKING,
        BOOKING_COMMANDS,
        {
            NO_ENTITY: (0, 1),
            "awaiting_confirmation": (1, 1),
            "denied": (1, 0),
            "cancelled": (1, 3),
            "confirmed": (2, 2),
            "expired": (3, 3),
            "settled": (3, 1),
        },
    ),
    Entity(
        "Payment",
        PAYMENT,
        PAYMENT_COMMANDS,
        {
            NO_ENTITY: (0, 1.2),
            "reported": (1, 0),
            "refused": (1, 2.4),
            "received": (2, 1.2),
            "applied": (3, 0.6),
            "refund_requested": (3, 1.8),
            "refunded": (4, 1.8),
        },
    ),
)

INTRODUCTION = """\
# What the entities decide

An entity answers a command with events, with a rejection, or with nothing to do. The tables below
were made by putting every command to the deciders of
[the booking](../../ticketing/booking/decider.py) and of
[the payment](../../ticketing/payment/decider.py), in every state that commands can bring them to.

In the tables of decisions a row is a command and a column is the status that the command finds.
**Bold** are the events that follow; plain is the reason of a refusal; *nothing to do* means that
the command is accepted and nothing is recorded, as when it comes twice. Where a cell has several
lines, the content of the command or the history of the entity decides between them.
"""


def page() -> str:
    """Return docs/reference/entities.md."""
    return "\n".join([INTRODUCTION, *(_section(entity) for entity in ENTITIES)])


def pictures() -> Mapping[str, str]:
    """Return the SVG of each entity by the name of its file."""
    return {f"{entity.package}.svg": _picture(entity) for entity in ENTITIES}


def _section(entity: Entity) -> str:
    found = entity.answers
    moves = [
        (
            code(move.status),
            code(move.command),
            ", ".join(map(code, move.events)),
            code(move.status_after),
        )
        for move in changes(found)
    ]
    return "\n".join(
        [
            f"## {entity.name}\n",
            f"![The statuses of a {entity.package}]({entity.package}.svg)\n",
            "### What changes the status\n",
            table(("from", "command", "events", "to"), moves),
            "### What each command leads to\n",
            _decisions(found),
        ]
    )


def _decisions(found: Sequence[Answer]) -> str:
    cells = decision_table(found)
    statuses = list(dict.fromkeys(answer.status for answer in found))
    commands = list(dict.fromkeys(answer.command for answer in found))
    rows = [
        (code(command), *("<br>".join(map(_cell, cells[command, status])) for status in statuses))
        for command in commands
    ]
    return table(("", *map(code, statuses)), rows)


def _cell(answer: Answer) -> str:
    if answer.rejection:
        return answer.rejection
    return f"**{' + '.join(answer.events)}**" if answer.events else "*nothing to do*"


def _picture(entity: Entity) -> str:
    arrows: dict[tuple[str, str], list[str]] = {}
    for move in changes(entity.answers):
        arrows.setdefault((move.status, move.status_after), []).append(move.command)
    return picture(
        f"The statuses of a {entity.package}, and the commands that change them",
        entity.grid,
        [Arrow(start, end, list(dict.fromkeys(lines))) for (start, end), lines in arrows.items()],
    )
