"""What stands in Temporal's database file, byte for byte, with encryption and without."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ActivityError
from temporalio.worker import Replayer

from entrypoints.devstack.children import claim
from entrypoints.devstack.servers import temporal_server
from entrypoints.settings import Settings
from entrypoints.temporal import WORKFLOWS, worker, workflow_runner
from eventstore.errors import DefectError
from tests.support.builders import HOLD, capture_request, concert
from tests.support.gates import Step, with_before
from tests.support.provider import Provider
from tests.support.stage import Stage, opened_stage
from tests.unit.encryption.keys import NEW
from ticketing.booking.commands import PlaceBooking
from ticketing.ids import BookingId, ClientId, ConcertId
from ticketing.money import Money
from ticketing.payment_provider.api import ProviderPayment
from ticketing.reservations.api import PriceZone
from ticketing.seats import Seat
from workflows.client import booking_handle, start_booking
from workflows.encryption import data_converter

# Each is long or odd enough not to be there by chance.
CONCERT = ConcertId("canary-concert")
CLIENT = ClientId("canary-client")
PAYER = "canary-payer@clients.example"
REASON = "canary-reason: two of us are ill"
SEAT, OTHER_SEAT = Seat(row=1000, number=967), Seat(row=1000, number=968)
PRICE = Money(amount_minor=98_765_431, currency="EUR")
BROKEN = "canary-defect"
PRIVATE = (
    CLIENT, REASON, BROKEN, str(SEAT), '"row":1000', "98765431",
)  # fmt: skip
NEVER = (PAYER, str(PRICE))  # the process asks for the payer; the price is in current details only
PUBLIC = (CONCERT, "booking-paid", "payment-p1", "reserve_seats")


def test_the_canaries_are_as_they_are_stored() -> None:
    """Or nothing would be found for another reason than encryption."""
    assert f'"row":{SEAT.row}' in SEAT.model_dump_json()
    assert f"{PRICE.amount_minor}" in PRICE.model_dump_json()


@pytest.mark.parametrize(
    ("keys", "found"), [((SecretStr(NEW),), PUBLIC), ((), PUBLIC + PRIVATE)], ids=["on", "off"]
)
async def test_with_encryption_no_client_seat_amount_or_reason_is_in_the_file(
    database: str,
    provider: Provider,
    tmp_path: Path,
    keys: tuple[SecretStr, ...],
    found: tuple[str, ...],
) -> None:
    settings = Settings(database_url=database, provider_url=provider.url, payload_keys=keys)
    async with claim(tmp_path) as home, temporal_server(home) as server:
        converter = data_converter(settings.payload_keys)
        client = await Client.connect(server.address, data_converter=converter)
        async with opened_stage(settings, client) as stage, _working(stage, client):
            await _every_way(stage, client)
        await _all_replay(client)
    database_file, log = (tmp_path / f"temporal.db{suffix}" for suffix in ("", "-wal"))
    stored = database_file.read_bytes() + log.read_bytes()
    assert {word for word in PUBLIC + PRIVATE + NEVER if word.encode() in stored} == set(found)


async def _every_way(stage: Stage, client: Client) -> None:
    """A booking is paid, one denied, one cancelled, and one meets a defect."""
    assert (await stage.process.place(_place("paid", SEAT))).status == "confirmed"
    assert (await stage.process.place(_place("denied", SEAT))).status == "denied"
    request = capture_request("paid", amount=PRICE).model_copy(update={"payer": PAYER})
    money = await stage.parts.provider.capture(request)
    assert isinstance(money, ProviderPayment)
    assert (await stage.process.pay(money.report())).status == "applied"
    await stage.process.place(_place("cancelled", OTHER_SEAT))
    assert (await stage.process.cancel(BookingId("cancelled"), REASON)).reason == REASON
    await start_booking(client, stage.settings.task_queue, _place("broken", OTHER_SEAT))
    with pytest.raises(WorkflowFailureError) as failed:
        await booking_handle(client, BookingId("broken")).result()
    assert isinstance(failed.value.cause, ActivityError)
    assert str(failed.value.cause.cause) == f"DefectError: {BROKEN}"  # who has the key reads it


async def _all_replay(client: Client) -> None:
    histories = client.list_workflows().map_histories()
    replayer = Replayer(
        workflows=WORKFLOWS, workflow_runner=workflow_runner(), data_converter=client.data_converter
    )
    async with replayer.workflow_replay_iterator(histories) as results:
        assert [result.replay_failure async for result in results] == [None] * 5


async def _one_defect(step: Step, booking_id: BookingId) -> None:
    if (step, booking_id) == ("reserve", "broken"):
        raise DefectError(BROKEN)


@asynccontextmanager
async def _working(stage: Stage, client: Client) -> AsyncIterator[None]:
    zone = PriceZone(first_row=1000, last_row=1000, seats_per_row=1000, price=PRICE)
    on_sale = concert(CONCERT, PRICE, HOLD).model_copy(update={"zones": (zone,)})
    await stage.parts.reservations.add_concert(on_sale)
    async with worker(client, stage.settings, with_before(stage.parts, _one_defect)):
        yield


def _place(booking_id: str, seat: Seat) -> PlaceBooking:
    return PlaceBooking(
        booking_id=BookingId(booking_id), client_id=CLIENT, concert_id=CONCERT, seats=(seat,)
    )
