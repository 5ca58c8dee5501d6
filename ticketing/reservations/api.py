"""The reservation service: who holds which seat of which concert, and what the seats cost.

A bounded context of its own, which could be another company's: not eventsourced, its own
transactions. Contract suite: tests/contract/reservations/.
"""

from datetime import timedelta
from typing import Annotated, Literal, Protocol

from pydantic import AwareDatetime, Field

from ticketing.ids import BookingId, ConcertId
from ticketing.money import Currency, Money
from ticketing.seats import Seat, Ticket
from ticketing.value import Value


class Reserved(Value):
    """The seats are held; `expires_at` is the service's clock plus the concert's hold, if any."""

    type: Literal["Reserved"] = "Reserved"
    tickets: tuple[Ticket, ...]
    expires_at: AwareDatetime | None


class SeatsUnavailable(Value):
    """These of the wanted seats are held by others; nothing was reserved."""

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
    """This attempt was released, before or after it was made; it can never hold seats again."""

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

    first_row: int = Field(ge=1)
    last_row: int = Field(ge=1, le=1000)
    seats_per_row: int = Field(ge=1, le=1000)
    price: Money


class Concert(Value):
    """What is on sale. `hold` is how long reserved seats wait for payment; None: for ever."""

    concert_id: ConcertId
    title: str = Field(min_length=1, max_length=200)
    starts_at: AwareDatetime
    currency: Currency
    hold: timedelta | None
    sales_open: bool = True
    zones: tuple[PriceZone, ...] = Field(min_length=1)


class HeldSeat(Value):
    """A seat of the map with its price; `booking_id` is who holds it, None if it is free."""

    seat: Seat
    price: Money
    booking_id: BookingId | None


class ReservationService(Protocol):
    """What a booking process asks of the service. Safe to repeat: same key, same answer."""

    async def reserve(
        self,
        booking_id: BookingId,
        attempt: int,
        concert_id: ConcertId,
        seats: tuple[Seat, ...],
    ) -> Reserved | Refusal:
        """Hold all of the seats or none.

        The first answer to a (booking, attempt) is given again whenever it is repeated: the same
        prices and the same deadline, whatever happened to the price list in between.

        Raises:
            ReservationMismatchError: the key was used for another concert or other seats.
        """
        ...

    async def release(self, booking_id: BookingId, attempt: int) -> Released | NothingToRelease:
        """Free the seats of this attempt, and see to it that it never holds any again."""
        ...


class Inventory(Protocol):
    """What an operator asks of the service."""

    async def add_concert(self, concert: Concert) -> None:
        """Put a concert on sale, or change its title, start, prices, hold and sales.

        Raises:
            ValueError: zones overlap or mix currencies, or a held seat would disappear.
        """
        ...

    async def concerts(self) -> tuple[Concert, ...]:
        """All concerts, by start."""
        ...

    async def seats(self, concert_id: ConcertId) -> tuple[HeldSeat, ...]:
        """Every seat of a concert, ordered; none if the concert is unknown."""
        ...
