"""While Temporal is away nobody waits for ever, and nothing that is in the log is given up."""

from datetime import timedelta
from typing import Never, Self, cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from eventstore.errors import TransientError
from tests.support.controls import BOOKING_ID, PAYMENT_ID
from tests.unit.choreography.office import open_office
from ticketing.ids import booking_stream, payment_stream
from workflows.encryption import data_converter
from workflows.process_starter import ProcessStarter

PATIENCE = timedelta(milliseconds=500)


class AwayFromHome:
    """What the client of a server that is not there does, after a while."""

    data_converter = data_converter()

    def get_workflow_handle_for(self, *_: object) -> Self:
        return self

    async def start_workflow(self, *_: object, **__: object) -> Never:
        raise RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b"")

    describe = start_workflow


async def test_events_wait_for_their_process_until_temporal_is_back() -> None:
    office = await open_office()
    await office.place()
    await office.receive()
    client = cast(Client, AwayFromHome())
    starter = ProcessStarter(client, "ticketing")
    [placed] = await office.store.read_stream(booking_stream(BOOKING_ID))
    [received] = await office.store.read_stream(payment_stream(PAYMENT_ID))
    with pytest.raises(TransientError, match="connection refused"):
        await starter.on_booking_event(placed)
    with pytest.raises(TransientError, match="connection refused"):
        await starter.on_payment_event(received)
