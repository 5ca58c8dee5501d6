"""The reservation service without a database, for tests and simulations."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ticketing.errors import ReservationMismatchError
from ticketing.ids import BookingId, ConcertId
from ticketing.reservations.api import (
    Concert,
    HeldSeat,
    NothingToRelease,
    Refusal,
    Released,
    ReservationWasReleased,
    Reserved,
    SalesClosed,
    SeatsUnavailable,
    UnknownConcert,
    UnknownSeats,
    price_list,
)
from ticketing.seats import Seat, Ticket


@dataclass(frozen=True, slots=True)
class _Reservation:
    """`asked` and `answer` are None when the release came before the request."""

    asked: tuple[ConcertId, tuple[Seat, ...]] | None = None
    answer: Reserved | Refusal | None = None
    released: bool = False


class MemoryReservations:
    """A `ReservationService`, and its inventory; no call awaits, so every call is atomic."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._concerts: dict[ConcertId, Concert] = {}
        self._reservations: dict[tuple[BookingId, int], _Reservation] = {}
        self._holders: dict[tuple[ConcertId, Seat], tuple[BookingId, int]] = {}

    async def reserve(
        self, booking_id: BookingId, attempt: int, concert_id: ConcertId, seats: tuple[Seat, ...]
    ) -> Reserved | Refusal:
        key, asked = (booking_id, attempt), (concert_id, tuple(sorted(seats)))
        known = self._reservations.get(key, _Reservation())
        if known.asked not in (None, asked):
            raise ReservationMismatchError(f"{booking_id}, attempt {attempt}: asked for others")
        if known.released:
            return ReservationWasReleased()
        if known.answer is not None:
            return known.answer
        answer = self._offer(*asked)
        if isinstance(answer, Reserved):
            self._holders |= dict.fromkeys(((concert_id, seat) for seat in asked[1]), key)
        self._reservations[key] = _Reservation(asked, answer)
        return answer

    async def release(self, booking_id: BookingId, attempt: int) -> Released | NothingToRelease:
        key = (booking_id, attempt)
        known = self._reservations.get(key, _Reservation())
        self._reservations[key] = replace(known, released=True)
        self._holders = {seat: holder for seat, holder in self._holders.items() if holder != key}
        return Released() if isinstance(known.answer, Reserved) else NothingToRelease()

    async def add_concert(self, concert: Concert) -> None:
        prices = price_list(concert)
        if any(held == concert.concert_id and seat not in prices for held, seat in self._holders):
            raise ValueError(f"{concert.concert_id}: a held seat would disappear")
        self._concerts[concert.concert_id] = concert

    async def concerts(self) -> tuple[Concert, ...]:
        by_start = sorted(self._concerts.values(), key=lambda one: (one.starts_at, one.concert_id))
        return tuple(by_start)

    async def seats(self, concert_id: ConcertId) -> tuple[HeldSeat, ...]:
        concert = self._concerts.get(concert_id)
        if concert is None:
            return ()
        holders = {
            seat: key[0] for (held, seat), key in self._holders.items() if held == concert_id
        }
        return tuple(
            HeldSeat(seat=seat, price=price, booking_id=holders.get(seat))
            for seat, price in sorted(price_list(concert).items(), key=lambda priced: priced[0])
        )

    def _offer(self, concert_id: ConcertId, wanted: tuple[Seat, ...]) -> Reserved | Refusal:
        concert = self._concerts.get(concert_id)
        if concert is None:
            return UnknownConcert()
        if not concert.sales_open:
            return SalesClosed()
        prices = price_list(concert)
        if unknown := tuple(seat for seat in wanted if seat not in prices):
            return UnknownSeats(seats=unknown)
        if taken := tuple(seat for seat in wanted if (concert_id, seat) in self._holders):
            return SeatsUnavailable(seats=taken)
        return Reserved(
            tickets=tuple(Ticket(seat=seat, price=prices[seat]) for seat in wanted),
            expires_at=None if concert.hold is None else self._clock() + concert.hold,
        )
