"""Every command is put to an entity in every state that commands can bring it to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

from ticketing.decider import Decider, Rejection

NO_ENTITY = "none"  # the status of an entity that does not exist yet


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command led to in one status; `status_after` is the status then."""

    command: str
    status: str
    events: tuple[str, ...]  # none: there was nothing to do, or it was refused
    rejection: str | None
    status_after: str


def answers(
    decider: Decider[Any, Any, Any, Any], commands: Sequence[object], now: datetime
) -> Sequence[Answer]:
    """Return each answer once, in the order in which the states are reached."""
    states, found = [decider.initial], dict[Answer, None]()
    for state in states:  # it grows while it is walked through
        for command in commands:
            outcome = decider.decide(command, state, now)
            rejected = isinstance(outcome, Rejection)
            events = () if isinstance(outcome, Rejection) else outcome
            after = reduce(decider.evolve, events, state)
            if after not in states:
                states.append(after)
            answer = Answer(
                command=_name(command),
                status=_status(state),
                events=tuple(map(_name, events)),
                rejection=_name(outcome) if rejected else None,
                status_after=_status(after),
            )
            found[answer] = None
    return tuple(found)


def changes(found: Sequence[Answer]) -> Sequence[Answer]:
    """Return the answers that change the status."""
    return [answer for answer in found if answer.status_after != answer.status]


def decision_table(found: Sequence[Answer]) -> Mapping[tuple[str, str], Sequence[Answer]]:
    """Return the answers of each command in each status: several where its content counts."""
    table: dict[tuple[str, str], list[Answer]] = {}
    for answer in found:
        table.setdefault((answer.command, answer.status), []).append(answer)
    return table


def _name(value: object) -> str:
    return type(value).__name__


def _status(state: Any) -> str:
    return NO_ENTITY if state is None else str(state.status)
