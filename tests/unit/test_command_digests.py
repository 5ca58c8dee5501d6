"""A command that was stored years ago is still recognised when it is repeated."""

from typing import get_args

import pytest
from pydantic import BaseModel

from tests.support import controls
from ticketing.booking.commands import BookingCommand
from ticketing.command_handler import digest
from ticketing.payment.commands import PaymentCommand

# The digest that each example had when its command was first stored; none of them ever changes.
STORED = (
    (controls.PLACE, "05986590-8419-53d4-80cd-bbaf5d3f07b6"),
    (controls.CONFIRM, "b5f8995f-2a3f-5866-9318-641f8d7913a2"),
    (controls.DENY, "c85dd0cf-7f8c-5b7a-b947-d776198f7182"),
    (controls.CANCEL, "7b0966e5-ce62-5a0f-a4d2-6ef30869f266"),
    (controls.PAY, "4937dd87-8cd3-5a78-8a85-cfe7a4fd939f"),
    (controls.EXPIRE, "dd455be1-5246-5034-a3d6-6522b82ecc6b"),
    (controls.REINSTATE, "8ce71439-c9d5-5364-9abf-7493ee72aa86"),
    (controls.REPORT, "7354e104-3e74-51bb-bea4-0ebb4647a0c2"),
    (controls.REFUSE, "d307f25f-0032-50b7-b17a-4250c107c443"),
    (controls.RECEIVE, "d5a938c0-af6b-5b67-9106-bbc5f633e9fa"),
    (controls.APPLY, "eb3e0fcb-5f6f-5bf3-86ca-9aebeb5f08e1"),
    (controls.REQUEST_REFUND, "ecfb74c2-2e45-57b1-9c7e-803b68432c8f"),
    (controls.RECORD_REFUND, "ec9e696e-553f-5393-9dfc-c083e569b093"),
)


@pytest.mark.parametrize(("command", "stored"), STORED)
def test_a_command_keeps_its_digest(command: BaseModel, stored: str) -> None:
    assert str(digest(command)) == stored


def test_every_command_is_in_the_table() -> None:
    commands = {*get_args(BookingCommand), *get_args(PaymentCommand)}
    assert {type(command) for command, _ in STORED} == commands
