"""The reservation service: it knows who holds which seat of a concert, and what seats cost.

It is a bounded context that another company could run: it is not eventsourced, and shares no
transaction with the entities. Contract suite: tests/contract/reservations/.
"""

from datetime import timedelta
from typing import Annotated, Literal, Protocol, assert_never

from pydantic import AwareDatetime, Field

from ticketing.ids import BookingId, ConcertId
from ticketing.money import Currency, Money
from ticketing.seats import Seat, Ticket
from ticketing.value import Value


class Reserved(Value):
    """The seats are held; `expires_at` is the time of the hold plus the concert's duration."""

    type: Literal["Reserved"] = "Reserved"
    tickets: tuple[Ticket, ...]
    expires_at: AwareDatetime | None


class SeatsUnavailable(Value):
    """Others hold these seats; nothing was reserved."""

    type: Literal["SeatsUnavailable"] = "SeatsUnavailable"
    seats: tuple[Seat, ...]


class UnknownSeats(Value):
    """The concert has no such seats; nothing was reserved."""

    type: Literal["UnknownSeats"] = "UnknownSeats"
    seats: tuple[Seat, ...]


class UnknownConcert(Value):
    type: Literal["UnknownConcert"] = "UnknownConcert"


class SalesClosed(Value):
    type: Literal["SalesClosed"] = "SalesClosed"


class ReservationWasReleased(Value):
    """This attempt was released, so it can never hold seats again."""

    type: Literal["ReservationWasReleased"] = "ReservationWasReleased"


Refusal = SeatsUnavailable | UnknownSeats | UnknownConcert | SalesClosed | ReservationWasReleased
ReservationAnswer = Annotated[Reserved | Refusal, Field(discriminator="type")]


class Released(Value):
    type: Literal["Released"] = "Released"


class NothingToRelease(Value):
    type: Literal["NothingToRelease"] = "NothingToRelease"


ReleaseAnswer = Annotated[Released | NothingToRelease, Field(discriminator="type")]


class PriceZone(Value):
    """Rows `first_row` to `last_row`, each with seats 1 to `seats_per_row`, at one price."""

    first_row: int = Field(strict=True, ge=1)
    last_row: int = Field(strict=True, ge=1, le=1000)
    seats_per_row: int = Field(strict=True, ge=1, le=1000)
    price: Money


class Concert(Value):
    """A concert on sale. `hold` is how long seats wait for payment; None means for ever."""

    concert_id: ConcertId
    title: str = Field(min_length=1, max_length=200)
    starts_at: AwareDatetime
    currency: Currency
    hold: timedelta | None
    sales_open: bool = True
    zones: tuple[PriceZone, ...] = Field(min_length=1)


class HeldSeat(Value):
    """A seat with its price; `booking_id` is the booking that holds it, None if it is free."""

    seat: Seat
    price: Money
    booking_id: BookingId | None


class ReservationService(Protocol):
    """The service as a booking process uses it: the same key always gets the same answer."""

    async def reserve(
        self,
        booking_id: BookingId,
        attempt: int,
        concert_id: ConcertId,
        seats: tuple[Seat, ...],
    ) -> Reserved | Refusal:
        """Hold all of the seats or none.

        A repeated (booking, attempt) gets the first answer again: the same prices and the same
        deadline, even after the price list changed.

        Raises:
            ReservationMismatchError: the key was used for another concert or other seats.
        """
        ...

    async def release(self, booking_id: BookingId, attempt: int) -> Released | NothingToRelease:
        """Release the seats of this attempt, which can never hold seats again."""
        ...


def price_list(concert: Concert) -> dict[Seat, Money]:
    """Return the price of every seat.

    Raises:
        ValueError: a zone ends before it starts, zones overlap or mix currencies.
    """
    prices: dict[Seat, Money] = {}
    for zone in concert.zones:
        if zone.last_row < zone.first_row:
            raise ValueError(f"rows {zone.first_row} to {zone.last_row} are none")
        if zone.price.currency != concert.currency:
            raise ValueError(f"the concert sells in {concert.currency}, not {zone.price.currency}")
        for row in range(zone.first_row, zone.last_row + 1):
            if Seat(row=row, number=1) in prices:
                raise ValueError(f"row {row} is in two zones")
            for number in range(1, zone.seats_per_row + 1):
                prices[Seat(row=row, number=number)] = zone.price
    return prices


def denial_reason(refusal: Refusal) -> str:
    """Return the reason of the denial: `seats_unavailable: 3-14, 3-15`."""
    match refusal:
        case SeatsUnavailable():
            return f"seats_unavailable: {', '.join(map(str, refusal.seats))}"
        case UnknownSeats():
            return f"unknown_seats: {', '.join(map(str, refusal.seats))}"
        case UnknownConcert():
            return "unknown_concert"
        case SalesClosed():
            return "sales_closed"
        case ReservationWasReleased():
            return "reservation_was_released"
    assert_never(refusal)
