"""An expiry that is told no, whatever the reason, ends in order or fails by that reason's name."""

from datetime import timedelta

from temporalio.client import Client, WorkflowFailureError

from entrypoints.temporal import worker
from tests.support.builders import PRICE, concert, place
from tests.support.gates import Step, with_before
from tests.support.stage import Stage
from tests.unit.test_rejections import BOOKING_REJECTIONS
from ticketing.booking.commands import ExpireBooking
from ticketing.booking.rejections import BookingRejection
from ticketing.ids import BookingId, ConcertId
from workflows.client import booking_handle

NO_HOLD = ConcertId("noHold")
ENDS_AS = {
    "BookingIsDenied": "denied",
    "BookingIsCancelled": "cancelled",
    "BookingIsExpired": "expired",
    "BookingIsAlreadySettled": "settled",
    "TooEarlyToExpire": "expired",  # at the next try
}


async def test_fault_6_no_rejection_crashes_an_expiry(stage: Stage, client: Client) -> None:
    await stage.parts.reservations.add_concert(concert(NO_HOLD, PRICE, timedelta(0)))
    answers: dict[BookingId, BookingRejection] = {}

    async def refuse_once(step: Step, booking_id: BookingId) -> BookingRejection | None:
        return answers.pop(booking_id, None) if step is ExpireBooking else None

    async with worker(client, stage.settings, with_before(stage.parts, refuse_once)):
        for number, rejection in enumerate(BOOKING_REJECTIONS, 1):
            request = place(f"b{number}", f"{number // 10 + 1}-{number % 10 + 1}", concert=NO_HOLD)
            answers[request.booking_id] = rejection
            await stage.process.place(request)

        ends = [
            await _end(client, BookingId(f"b{number}"))
            for number in range(1, len(BOOKING_REJECTIONS) + 1)
        ]

    assert ends == [
        ENDS_AS.get(rejection.type, f"{rejection.type}: unexpected {rejection!r}")
        for rejection in BOOKING_REJECTIONS
    ]


async def _end(client: Client, booking_id: BookingId) -> str:
    try:
        return (await booking_handle(client, booking_id).result()).status
    except WorkflowFailureError as failure:
        return str(failure.cause)
