"""The reservation service in Postgres, in the schema `reservations`."""

from collections.abc import Sequence

from asyncpg import ForeignKeyViolationError, Pool, Record
from asyncpg.pool import PoolConnectionProxy
from pydantic import TypeAdapter

from ticketing.errors import ReservationMismatchError
from ticketing.ids import BookingId, ConcertId
from ticketing.money import Money
from ticketing.reservations.api import (
    Concert,
    HeldSeat,
    NothingToRelease,
    PriceZone,
    Refusal,
    Released,
    ReservationAnswer,
    ReservationWasReleased,
    Reserved,
    SalesClosed,
    SeatsUnavailable,
    UnknownConcert,
    UnknownSeats,
    price_list,
)
from ticketing.seats import Seat, Ticket

# The row of a key, made or found. Setting a column to itself locks the row and reads its latest
# version; without the lock two equal calls at once would both believe to be the first.
# $1 booking, $2 attempt
OPEN = """
INSERT INTO reservations.reservation AS r (booking_id, attempt)
VALUES ($1, $2)
ON CONFLICT (booking_id, attempt) DO UPDATE SET attempt = r.attempt
RETURNING r.concert_id, r.seats, r.answer, r.released_at
"""

# No row: no such concert. A NULL price: no such seat. The hold counts in seconds: a day of an
# interval has 23 or 25 hours when the clocks of the session's time zone change.
# $1 concert, $2 seats
OFFER = """
SELECT c.sales_open, c.currency,
       es.now() + make_interval(secs => extract(epoch FROM c.hold)) AS expires_at,
       wanted."row", wanted.number, s.price_minor
  FROM reservations.concert c
 CROSS JOIN jsonb_to_recordset($2::jsonb) AS wanted ("row" integer, number integer)
  LEFT JOIN reservations.seat s
    ON (s.concert_id, s.seat_row, s.seat_number) = (c.concert_id, wanted."row", wanted.number)
 WHERE c.concert_id = $1
 ORDER BY wanted."row", wanted.number
"""

# Each new key is a lock that others wait for. Taken in one order by all, they cannot wait in a
# circle; in the order of the request they could. A seat that another transaction is about to take
# or to free is waited for, so that the answer is final.
# $1 concert, $2 seats, $3 booking, $4 attempt
HOLD = """
INSERT INTO reservations.hold (concert_id, seat_row, seat_number, booking_id, attempt)
SELECT $1, wanted."row", wanted.number, $3, $4
  FROM jsonb_to_recordset($2::jsonb) AS wanted ("row" integer, number integer)
 ORDER BY wanted."row", wanted.number
    ON CONFLICT DO NOTHING
RETURNING seat_row, seat_number
"""

# $1 booking, $2 attempt
UNDO_HOLD = "DELETE FROM reservations.hold WHERE booking_id = $1 AND attempt = $2"

# $1 booking, $2 attempt, $3 concert, $4 seats, $5 answer, $6 held or refused
ANSWER = """
WITH answered AS (
  UPDATE reservations.reservation
     SET concert_id = $3, seats = $4::jsonb, answer = $5::jsonb
   WHERE booking_id = $1 AND attempt = $2
  RETURNING booking_id, attempt, concert_id, seats
)
INSERT INTO reservations.journal (what, booking_id, attempt, concert_id, seats)
SELECT $6, booking_id, attempt, concert_id, seats
  FROM answered
"""

# Not in one statement with OPEN: its snapshot would be older than the holds OPEN waited for,
# and they would stay.
# $1 booking, $2 attempt
RELEASE = """
WITH buried AS (
  UPDATE reservations.reservation
     SET released_at = es.now()
   WHERE booking_id = $1 AND attempt = $2
), freed AS (
  DELETE FROM reservations.hold
   WHERE booking_id = $1 AND attempt = $2
  RETURNING concert_id, seat_row, seat_number
)
INSERT INTO reservations.journal (what, booking_id, attempt, concert_id, seats)
SELECT CASE WHEN count(*) > 0 THEN 'released' ELSE 'tombstone' END, $1, $2, max(concert_id),
       coalesce(jsonb_agg(jsonb_build_object('row', seat_row, 'number', seat_number)
                          ORDER BY seat_row, seat_number), '[]')
  FROM freed
"""

# $1 concert, $2 title, $3 starts_at, $4 currency, $5 hold, $6 sales_open, $7 zones
PUT_CONCERT = """
INSERT INTO reservations.concert
       (concert_id, title, starts_at, currency, hold, sales_open, zones)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb)
    ON CONFLICT (concert_id) DO UPDATE
   SET title = excluded.title, starts_at = excluded.starts_at, currency = excluded.currency,
       hold = excluded.hold, sales_open = excluded.sales_open, zones = excluded.zones
"""

# $1 concert, $2 rows, $3 numbers
REMOVE_SEATS = """
DELETE FROM reservations.seat s
 WHERE s.concert_id = $1
   AND NOT EXISTS (
         SELECT FROM unnest($2::integer[], $3::integer[]) AS kept ("row", number)
          WHERE (kept."row", kept.number) = (s.seat_row, s.seat_number))
"""

# $1 concert, $2 rows, $3 numbers, $4 prices
PUT_SEATS = """
INSERT INTO reservations.seat AS s (concert_id, seat_row, seat_number, price_minor)
SELECT $1, wanted."row", wanted.number, wanted.price_minor
  FROM unnest($2::integer[], $3::integer[], $4::bigint[]) AS wanted ("row", number, price_minor)
    ON CONFLICT (concert_id, seat_row, seat_number) DO UPDATE
   SET price_minor = excluded.price_minor
 WHERE s.price_minor <> excluded.price_minor
"""

CONCERTS = """
SELECT concert_id, title, starts_at, currency, hold, sales_open, zones
  FROM reservations.concert
 ORDER BY starts_at, concert_id
"""

# $1 concert
SEATS = """
SELECT s.seat_row, s.seat_number, s.price_minor, c.currency, h.booking_id
  FROM reservations.seat s
  JOIN reservations.concert c USING (concert_id)
  LEFT JOIN reservations.hold h USING (concert_id, seat_row, seat_number)
 WHERE s.concert_id = $1
 ORDER BY s.seat_row, s.seat_number
"""

_SEATS: TypeAdapter[tuple[Seat, ...]] = TypeAdapter(tuple[Seat, ...])
_ZONES: TypeAdapter[tuple[PriceZone, ...]] = TypeAdapter(tuple[PriceZone, ...])
_ANSWER: TypeAdapter[Reserved | Refusal] = TypeAdapter(ReservationAnswer)


class PostgresReservations:
    """A `ReservationService`, and its inventory for operators; every call is one transaction."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def reserve(
        self, booking_id: BookingId, attempt: int, concert_id: ConcertId, seats: tuple[Seat, ...]
    ) -> Reserved | Refusal:
        wanted = tuple(sorted(seats))
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="read_committed"),
        ):
            reservation = await connection.fetchrow(OPEN, booking_id, attempt)
            assert reservation is not None  # it returns the row it makes or finds
            if reservation["answer"] is not None:
                _check_same(reservation, concert_id, wanted)
            if reservation["released_at"] is not None:
                return ReservationWasReleased()
            if reservation["answer"] is not None:
                return _ANSWER.validate_json(reservation["answer"])
            answer = await _hold(connection, booking_id, attempt, concert_id, wanted)
            await connection.execute(
                ANSWER,
                booking_id,
                attempt,
                concert_id,
                _json(wanted),
                answer.model_dump_json(),
                "held" if isinstance(answer, Reserved) else "refused",
            )
            return answer

    async def release(self, booking_id: BookingId, attempt: int) -> Released | NothingToRelease:
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="read_committed"),
        ):
            reservation = await connection.fetchrow(OPEN, booking_id, attempt)
            assert reservation is not None  # it returns the row it makes or finds
            if reservation["released_at"] is None:
                await connection.execute(RELEASE, booking_id, attempt)
        answer: str | None = reservation["answer"]
        if answer is not None and isinstance(_ANSWER.validate_json(answer), Reserved):
            return Released()
        return NothingToRelease()

    async def add_concert(self, concert: Concert) -> None:
        """Put a concert on sale, or change its title, start, prices, hold and sales.

        Raises:
            ValueError: zones overlap or mix currencies, or a held seat would disappear.
        """
        prices = price_list(concert)
        rows, numbers = [seat.row for seat in prices], [seat.number for seat in prices]
        minors = [price.amount_minor for price in prices.values()]
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                PUT_CONCERT,
                concert.concert_id,
                concert.title,
                concert.starts_at,
                concert.currency,
                concert.hold,
                concert.sales_open,
                _ZONES.dump_json(concert.zones).decode(),
            )
            try:
                await connection.execute(REMOVE_SEATS, concert.concert_id, rows, numbers)
            except ForeignKeyViolationError as error:
                raise ValueError(f"{concert.concert_id}: a held seat would disappear") from error
            await connection.execute(PUT_SEATS, concert.concert_id, rows, numbers, minors)

    async def concerts(self) -> tuple[Concert, ...]:
        """Return all concerts, ordered by their start."""
        return tuple(
            Concert.model_validate({**row, "zones": _ZONES.validate_json(row["zones"])})
            for row in await self._pool.fetch(CONCERTS)
        )

    async def seats(self, concert_id: ConcertId) -> tuple[HeldSeat, ...]:
        """Return every seat of a concert in order, and none if the concert is unknown."""
        return tuple(
            HeldSeat(
                seat=Seat(row=row["seat_row"], number=row["seat_number"]),
                price=Money(amount_minor=row["price_minor"], currency=row["currency"]),
                booking_id=row["booking_id"],
            )
            for row in await self._pool.fetch(SEATS, concert_id)
        )


def _check_same(reservation: Record, concert_id: ConcertId, wanted: Sequence[Seat]) -> None:
    asked = (reservation["concert_id"], _SEATS.validate_json(reservation["seats"]))
    if asked != (concert_id, wanted):
        seats = ", ".join(map(str, asked[1]))
        raise ReservationMismatchError(f"the key was used for {asked[0]} {seats}")


async def _hold(
    connection: PoolConnectionProxy,
    booking_id: BookingId,
    attempt: int,
    concert_id: ConcertId,
    wanted: tuple[Seat, ...],
) -> Reserved | Refusal:
    offer = await connection.fetch(OFFER, concert_id, _json(wanted))
    if not offer:
        return UnknownConcert()
    if not offer[0]["sales_open"]:
        return SalesClosed()
    if unknown := tuple(_seat(row) for row in offer if row["price_minor"] is None):
        return UnknownSeats(seats=unknown)
    # A seat that was removed since OFFER breaks a foreign key here; the retry does not find it.
    held = await connection.fetch(HOLD, concert_id, _json(wanted), booking_id, attempt)
    if len(held) < len(wanted):
        await connection.execute(UNDO_HOLD, booking_id, attempt)
        mine = {Seat(row=row["seat_row"], number=row["seat_number"]) for row in held}
        return SeatsUnavailable(seats=tuple(seat for seat in wanted if seat not in mine))
    tickets = tuple(
        Ticket(
            seat=_seat(row), price=Money(amount_minor=row["price_minor"], currency=row["currency"])
        )
        for row in offer
    )
    return Reserved(tickets=tickets, expires_at=offer[0]["expires_at"])


def _json(seats: tuple[Seat, ...]) -> str:
    return _SEATS.dump_json(seats).decode()


def _seat(row: Record) -> Seat:
    return Seat(row=row["row"], number=row["number"])
