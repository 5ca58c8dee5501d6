"""What is asked of the deciders: each command, with every content that makes a difference."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

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
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId
from ticketing.money import Money
from ticketing.payment.commands import (
    ApplyPayment,
    PaymentCommand,
    ReceivePayment,
    RecordRefund,
    RefusePayment,
    ReportPayment,
    RequestRefund,
)
from ticketing.seats import Seat, Ticket

NOW = datetime(2026, 11, 26, 17, 0, tzinfo=UTC)
PAST, FUTURE = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
BOOKING_ID, OTHER_BOOKING_ID = BookingId("ann-1"), BookingId("bob-1")
PAYMENT_ID, OTHER_PAYMENT_ID = PaymentId("payment-1"), PaymentId("payment-2")
SEATS = (Seat(row=3, number=14), Seat(row=3, number=15))
MANY_SEATS = tuple(Seat(row=1, number=number) for number in range(1, 12))
TOTAL, CENT = Money(amount_minor=1000, currency="EUR"), Money(amount_minor=1, currency="EUR")


def _tickets(seats: Sequence[Seat], cents: int) -> tuple[Ticket, ...]:
    price = Money(amount_minor=cents, currency="EUR")
    return tuple(Ticket(seat=seat, price=price) for seat in seats)


TICKETS, FREE_TICKETS = _tickets(SEATS, 500), _tickets(SEATS, 0)


def _place(seats: tuple[Seat, ...]) -> PlaceBooking:
    client_id, concert_id = ClientId("ann"), ConcertId("concertA")
    return PlaceBooking(
        booking_id=BOOKING_ID, client_id=client_id, concert_id=concert_id, seats=seats
    )


def _confirm(tickets: tuple[Ticket, ...], expires_at: datetime | None) -> ConfirmBooking:
    return ConfirmBooking(booking_id=BOOKING_ID, tickets=tickets, expires_at=expires_at)


def _pay(payment_id: PaymentId, amount: Money) -> PayBooking:
    return PayBooking(booking_id=BOOKING_ID, payment_id=payment_id, amount=amount)


def _reinstate(
    payment_id: PaymentId, amount: Money, tickets: tuple[Ticket, ...]
) -> ReinstateBooking:
    return ReinstateBooking(
        booking_id=BOOKING_ID, payment_id=payment_id, amount=amount, tickets=tickets
    )


BOOKING_COMMANDS: Sequence[BookingCommand] = (
    _place(SEATS),
    _place(SEATS[:1]),  # other content under the same id
    _place(()),
    _place(SEATS[:1] * 2),
    _place(MANY_SEATS),
    _confirm(TICKETS, FUTURE),
    _confirm(TICKETS, PAST),
    _confirm(TICKETS, None),
    _confirm(FREE_TICKETS, None),
    _confirm(TICKETS[:1], FUTURE),  # for other seats than were placed
    DenyBooking(booking_id=BOOKING_ID, reason="seats_unavailable: 3-14"),
    CancelBooking(booking_id=BOOKING_ID, reason="ill", cancelled_by="client"),
    _pay(PAYMENT_ID, TOTAL),
    _pay(OTHER_PAYMENT_ID, TOTAL),
    _pay(PAYMENT_ID, CENT),
    ExpireBooking(booking_id=BOOKING_ID),
    _reinstate(PAYMENT_ID, TOTAL, TICKETS),
    _reinstate(OTHER_PAYMENT_ID, TOTAL, TICKETS),
    _reinstate(PAYMENT_ID, CENT, TICKETS),
    _reinstate(PAYMENT_ID, TOTAL, TICKETS[:1]),
)


def _receive(amount: Money) -> ReceivePayment:
    return ReceivePayment(
        payment_id=PAYMENT_ID,
        booking_id=BOOKING_ID,
        payer="ann",
        amount=amount,
        provider="sandbox",
        provider_ref="capture-1",
        captured_at=PAST,
    )


PAYMENT_COMMANDS: Sequence[PaymentCommand] = (
    ReportPayment(payment_id=PAYMENT_ID, booking_id=BOOKING_ID),
    RefusePayment(payment_id=PAYMENT_ID, booking_id=BOOKING_ID, reason="unknown_to_provider"),
    _receive(TOTAL),
    _receive(CENT),  # other content under the same id
    ApplyPayment(payment_id=PAYMENT_ID, booking_id=BOOKING_ID),
    ApplyPayment(payment_id=PAYMENT_ID, booking_id=OTHER_BOOKING_ID),
    RequestRefund(payment_id=PAYMENT_ID, reason="booking_expired"),
    RequestRefund(payment_id=PAYMENT_ID, reason="amount_mismatch"),
    RecordRefund(payment_id=PAYMENT_ID, refund_ref="refund-1"),
    RecordRefund(payment_id=PAYMENT_ID, refund_ref="refund-2"),
)
