"""A mix of bookings: when each is placed, what its client does then, and how it has to end."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle, islice
from random import Random
from typing import Literal

from tests.support.builders import PRICE, concert
from ticketing.booking.commands import PlaceBooking
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId
from ticketing.money import Money
from ticketing.reservations.api import Concert
from ticketing.seats import Seat

CALM, HASTY = ConcertId("calm"), ConcertId("hasty")
HOLDS = {CALM: timedelta(hours=6), HASTY: timedelta(seconds=3)}
TOTAL = Money(amount_minor=1000, currency="EUR")
ROWS, SEATS_PER_ROW = 600, 3

Kind = Literal["paid", "rivals", "unpaid", "cancelled", "late", "wrong amount"]

# The concert that a kind is for, and the end of its bookings; of two rivals one gets the seats.
KINDS: dict[Kind, tuple[ConcertId, str]] = {
    "paid": (CALM, "settled"),
    "rivals": (CALM, "settled or denied"),
    "unpaid": (HASTY, "expired"),
    "cancelled": (CALM, "cancelled"),
    "late": (HASTY, "settled"),
    "wrong amount": (HASTY, "expired"),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What one client does; rivals want the middle seat of the same row."""

    kind: Kind
    begins_after: timedelta
    request: PlaceBooking

    @property
    def booking_id(self) -> BookingId:
        return self.request.booking_id

    @property
    def payment_id(self) -> PaymentId:
        return PaymentId(f"for-{self.booking_id}")


def plans(chance: Random, count: int, within: timedelta) -> list[Plan]:
    """As many bookings, of each kind about as many, begun at random within the time."""
    kinds = list(islice(cycle(KINDS), count))
    chance.shuffle(kinds)
    return list(islice(_plans(chance, kinds, within), count))


def concerts() -> list[Concert]:
    return [concert(of, PRICE, hold, ROWS, SEATS_PER_ROW) for of, hold in HOLDS.items()]


def wrong_ends(plans: Sequence[Plan], ends: Mapping[BookingId, str]) -> list[str]:
    wrong, rivals = [], defaultdict(list)
    for plan in plans:
        end = ends.get(plan.booking_id, "nothing")
        if plan.kind == "rivals":
            rivals[plan.request.seats[0].row].append(end)
        elif end != KINDS[plan.kind][1]:
            wrong.append(f"{plan.booking_id} ({plan.kind}) is {end}")
    for row, both in rivals.items():
        if sorted(both) not in (["denied", "settled"], ["settled"]):  # the last may be alone
            wrong.append(f"the rivals of row {row} are {' and '.join(both)}")
    return wrong


def _plans(chance: Random, kinds: Sequence[Kind], within: timedelta) -> Iterator[Plan]:
    for row, kind in enumerate(kinds, start=1):
        begins_after = within * chance.random()
        yield _plan(kind, begins_after, row, "a", (1, 2))
        if kind == "rivals":
            yield _plan(kind, begins_after, row, "b", (2, 3))


def _plan(kind: Kind, begins_after: timedelta, row: int, who: str, seats: tuple[int, int]) -> Plan:
    request = PlaceBooking(
        booking_id=BookingId(f"{who}{row}"),
        client_id=ClientId(who),
        concert_id=KINDS[kind][0],
        seats=tuple(Seat(row=row, number=number) for number in seats),
    )
    return Plan(kind, begins_after, request)
