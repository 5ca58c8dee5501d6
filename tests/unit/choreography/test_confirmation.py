"""A placed booking is confirmed or denied, whatever happens in between."""

import pytest

from choreography.booking_confirmation import deny_unconfirmed
from choreography.seat_release import release_seats
from tests.support.controls import BOOKING_ID, CANCEL, MOONLIGHT, PRICE, SEATS, tickets
from tests.unit.choreography.office import BENS, GRATIS, HOLD, OPEN_END, Office
from ticketing.booking.events import BookingCancelled, BookingDenied
from ticketing.ids import FIRST_ATTEMPT, ConcertId
from ticketing.reservations.api import Reserved


async def test_a_placed_booking_gets_its_seats_at_their_prices_until_the_hold_ends(
    office: Office,
) -> None:
    await office.confirm(await office.place())
    booking = await office.booking()
    assert (booking.status, booking.tickets) == ("confirmed", tickets(PRICE, *SEATS))
    assert booking.expires_at == office.now + HOLD
    assert await office.holders() == {BOOKING_ID}


async def test_without_a_hold_there_is_no_deadline(office: Office) -> None:
    await office.confirmed(OPEN_END)
    assert (await office.booking()).expires_at is None


async def test_a_free_booking_is_settled_at_once(office: Office) -> None:
    await office.confirmed(GRATIS)
    assert (await office.booking()).status == "settled"


async def test_a_booking_of_taken_seats_is_denied_and_the_seats_are_named(office: Office) -> None:
    await office.confirmed(booking_id=BENS)
    await office.confirmed()
    booking = await office.booking()
    assert (booking.status, booking.reason) == ("denied", "seats_unavailable: 3-14, 3-15")
    assert await office.holders() == {BENS}


async def test_a_booking_of_an_unknown_concert_is_denied(office: Office) -> None:
    await office.confirmed(ConcertId("nowhere"))
    assert (await office.booking()).reason == "unknown_concert"


async def test_fault_1_a_redelivery_after_a_crash_finds_its_own_seats(office: Office) -> None:
    placed = await office.place()
    held = await office.reservations.reserve(BOOKING_ID, FIRST_ATTEMPT, MOONLIGHT, SEATS)
    assert isinstance(held, Reserved)
    office.now += HOLD / 2
    await office.confirm(placed)
    booking = await office.booking()
    assert (booking.status, booking.expires_at) == ("confirmed", held.expires_at)


async def test_fault_1_with_a_key_of_its_own_each_attempt_would_lose_its_seats(
    office: Office,
) -> None:
    placed = await office.place()
    await office.reservations.reserve(BOOKING_ID, FIRST_ATTEMPT + 1, MOONLIGHT, SEATS)
    await office.confirm(placed)
    assert (await office.booking()).status == "denied"


async def test_fault_3_a_booking_cancelled_during_the_reservation_keeps_no_seat(
    office: Office,
) -> None:
    placed = await office.place()
    await office.reservations.reserve(BOOKING_ID, FIRST_ATTEMPT, MOONLIGHT, SEATS)
    await office.ask(CANCEL)
    await office.confirm(placed)
    assert (await office.booking()).status == "cancelled"
    assert await office.holders() == set()


async def test_fault_3_a_booking_cancelled_before_the_reservation_gets_no_seat(
    office: Office,
) -> None:
    placed = await office.place()
    await office.ask(CANCEL)
    cancelled = BookingCancelled(reason=CANCEL.reason, cancelled_by=CANCEL.cancelled_by)
    await release_seats(BOOKING_ID, cancelled, office.services())
    await office.confirm(placed)
    assert (await office.booking()).status == "cancelled"
    assert await office.holders() == set()


async def test_a_confirmation_that_took_too_long_is_a_denial(office: Office) -> None:
    placed = await office.place()
    await deny_unconfirmed(BOOKING_ID, office.services())
    booking = await office.booking()
    assert (booking.status, booking.reason) == ("denied", "reservation_timed_out")
    denied = BookingDenied(reason="reservation_timed_out")
    await release_seats(BOOKING_ID, denied, office.services())
    await office.confirm(placed)  # the service is back
    assert (await office.booking()).status == "denied"
    assert await office.holders() == set()


async def test_a_confirmed_booking_is_not_given_up(office: Office) -> None:
    await office.confirmed()
    await deny_unconfirmed(BOOKING_ID, office.services())
    assert (await office.booking()).status == "confirmed"


@pytest.mark.parametrize("how", ["expired", "paid"])
async def test_a_redelivery_long_after_changes_nothing(office: Office, how: str) -> None:
    placed = await office.place()
    if how == "expired":
        await office.expired()
    else:
        await office.confirmed()
        await office.receive()
        await office.use()
    before = await office.everything()
    await office.confirm(placed)
    assert await office.everything() == before
