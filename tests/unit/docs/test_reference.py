"""The pages of docs/reference say what the code says today."""

import re
from typing import get_args

import pytest
from pydantic import BaseModel

from docs.tools.deciders import NO_ENTITY, Answer, changes
from docs.tools.entities import ENTITIES, Entity
from docs.tools.reference import DIRECTORY, pages
from docs.tools.site import ROOT
from entrypoints.settings import PREFIX, Settings
from ticketing.booking.commands import BookingCommand
from ticketing.booking.events import BookingEvent, BookingStatus
from ticketing.booking.rejections import BookingRejection
from ticketing.payment.commands import PaymentCommand
from ticketing.payment.events import PaymentEvent
from ticketing.payment.rejections import PaymentRejection
from ticketing.payment.state import PaymentStatus

EXAMPLE = ROOT / ".env.example"
UNIONS = {
    "Booking": (BookingCommand, BookingEvent, BookingRejection, BookingStatus),
    "Payment": (PaymentCommand, PaymentEvent, PaymentRejection, PaymentStatus),
}
each_entity = pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)


def names(union: object) -> set[str]:
    members = set[str]()
    for part in get_args(union):
        if isinstance(part, str):
            members.add(part)
        elif isinstance(part, type) and issubclass(part, BaseModel):
            members.add(part.__name__)
        else:
            members |= names(part)
    return members


def test_the_reference_is_what_the_code_says_today() -> None:
    made = pages()
    assert {file.name for file in DIRECTORY.iterdir()} == set(made), "run: make docs"
    for name, text in made.items():
        assert (DIRECTORY / name).read_text() == text, f"{name} is out of date; run: make docs"


def test_the_example_of_an_environment_has_every_setting_with_its_default() -> None:
    example = dict(re.findall(rf"^# {PREFIX}(\w+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    assert {name.lower() for name in example} == set(Settings.model_fields)
    given = {name.lower(): value for name, value in example.items() if value}
    assert given.pop("payload_keys") == "plaintext"  # the word for none
    assert Settings.model_validate(given) == Settings()


@each_entity
def test_every_command_event_and_rejection_is_reached(entity: Entity) -> None:
    commands, events, rejections, statuses = map(names, UNIONS[entity.name])
    assert {answer.command for answer in entity.answers} == commands
    assert {event for answer in entity.answers for event in answer.events} == events
    assert {answer.rejection for answer in entity.answers} - {None} == rejections
    assert {answer.status for answer in entity.answers} == statuses | {NO_ENTITY}


@each_entity
def test_every_command_is_asked_in_every_status(entity: Entity) -> None:
    commands, _, _, statuses = map(names, UNIONS[entity.name])
    asked = {(answer.command, answer.status) for answer in entity.answers}
    assert asked == {(command, status) for command in commands for status in statuses | {NO_ENTITY}}


def test_a_refusal_or_nothing_to_do_changes_no_status() -> None:
    moves: list[Answer] = [move for entity in ENTITIES for move in changes(entity.answers)]
    assert moves
    assert all(move.events for move in moves)
