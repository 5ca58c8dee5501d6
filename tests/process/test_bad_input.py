"""What somebody types into the Web UI, or sends past our own clients."""

from collections.abc import Mapping
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from tests.support.builders import payment, place
from tests.support.stage import Stage
from ticketing.ids import BookingId
from workflows.client import booking_handle

B1 = BookingId("b1")
WRONG: list[tuple[str, Mapping[str, Any], str]] = [
    ("BookingWorkflow", {"booking_id": "a/b"}, "booking_id: String should match pattern"),
    ("BookingWorkflow", {"booking_id": "x" * 65}, "booking_id: String should match pattern"),
    ("BookingWorkflow", {"client_id": ""}, "client_id: String should match pattern"),
    ("BookingWorkflow", {"seats": [{"row": 0, "number": 1}]}, "seats.0.row: Input should be"),
    ("BookingWorkflow", {"seats": [{"row": 1, "number": 2**31}]}, "seats.0.number: Input should"),
    ("BookingWorkflow", {"vip": True}, "vip: Extra inputs are not permitted"),
    ("PaymentWorkflow", {"payment_id": "a/b"}, "payment_id: String should match pattern"),
    ("PaymentWorkflow", {"amount": {"amount_minor": -1, "currency": "EUR"}}, "amount.amount_minor"),
    (
        "PaymentWorkflow",
        {"amount": {"amount_minor": 2**63, "currency": "EUR"}},
        "amount.amount_minor",
    ),
]
BAD_SIGNALS: list[list[Any]] = [[], [None], ["p1"], [{"payment": "p1"}], [{"payment_id": "a/b"}]]


@pytest.mark.parametrize(("name", "change", "told"), WRONG, ids=lambda value: str(value)[:30])
async def test_a_start_with_bad_input_fails_visibly_and_leaves_no_trace(
    running: Stage, client: Client, name: str, change: Mapping[str, Any], told: str
) -> None:
    good = place("b1", "1-1") if name == "BookingWorkflow" else payment("b1")
    handle = await client.start_workflow(
        name,
        {**good.model_dump(mode="json"), **change},
        id="typed",
        task_queue=running.settings.task_queue,
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == "BadInput"
    assert cause.message.startswith(told)
    assert await running.parts.pool.fetchval("SELECT count(*) FROM es.event") == 0


async def test_a_signal_with_bad_input_is_ignored(running: Stage, client: Client) -> None:
    await running.process.place(place("b1", "1-1"))
    for arguments in BAD_SIGNALS:
        await client.get_workflow_handle("booking-b1").signal("settled", args=arguments)
    assert (await running.process.cancel(B1, "ill")).status == "cancelled"
    assert (await booking_handle(client, B1).result()).status == "cancelled"
