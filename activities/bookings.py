"""Commands to the Booking entity: one activity per command.

The command's id is made of the workflow's id and the activity's name, so a retry, a second worker
or a second run of the process sends the same command.
"""

from typing import Annotated, Literal

from pydantic import Field
from temporalio import activity

from activities.errors import defects_are_final
from ticketing.booking.commands import (
    BookingCommand,
    CancelBooking,
    ConfirmBooking,
    DenyBooking,
    ExpireBooking,
    PayBooking,
    PlaceBooking,
    ReinstateBooking,
)
from ticketing.booking.events import BookingStatus
from ticketing.booking.rejections import BookingRejection
from ticketing.booking.state import Booking
from ticketing.command_handler import Accepted, BookingHandler
from ticketing.ids import BookingId, ClientId, ConcertId, booking_stream, command_id
from ticketing.money import Money
from ticketing.seats import Seat
from ticketing.value import Value


class BookingAccepted(Value):
    """The command was accepted; the booking as it is now."""

    type: Literal["BookingAccepted"] = "BookingAccepted"
    status: BookingStatus
    client_id: ClientId
    concert_id: ConcertId
    seats: tuple[Seat, ...]
    total: Money | None
    reason: str | None


BookingAnswer = Annotated[BookingAccepted | BookingRejection, Field(discriminator="type")]


class BookingActivities:
    def __init__(self, bookings: BookingHandler) -> None:
        self._bookings = bookings

    @activity.defn
    async def place_booking(self, command: PlaceBooking) -> BookingAnswer:
        return await self._execute(command)

    @activity.defn
    async def confirm_booking(self, command: ConfirmBooking) -> BookingAnswer:
        return await self._execute(command)

    @activity.defn
    async def deny_booking(self, command: DenyBooking) -> BookingAnswer:
        return await self._execute(command)

    @activity.defn
    async def cancel_booking(self, command: CancelBooking) -> BookingAnswer:
        return await self._execute(command)

    @activity.defn
    async def expire_booking(self, command: ExpireBooking) -> BookingAnswer:
        return await self._execute(command)

    @activity.defn
    async def pay_booking(self, command: PayBooking) -> BookingAnswer:
        return await self._execute(command)

    @activity.defn
    async def reinstate_booking(self, command: ReinstateBooking) -> BookingAnswer:
        return await self._execute(command)

    @activity.defn
    async def read_booking(self, booking_id: BookingId) -> BookingAccepted | None:
        with defects_are_final():
            booking = await self._bookings.read(booking_stream(booking_id))
        return None if booking is None else _accepted(booking)

    async def _execute(self, command: BookingCommand) -> BookingAnswer:
        process, step = activity.info().workflow_id, activity.info().activity_type
        assert process is not None  # these activities run in workflows only
        with defects_are_final():
            answer = await self._bookings.execute(
                command, command_id=command_id(process, step), metadata={"process": process}
            )
        if not isinstance(answer, Accepted):
            return answer
        assert answer.state is not None  # an accepted command leaves a booking
        return _accepted(answer.state)


def _accepted(booking: Booking) -> BookingAccepted:
    return BookingAccepted.model_validate(booking, from_attributes=True)
