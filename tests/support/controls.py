"""Readable example values: Ada books two seats of the moonlight concert."""

from datetime import UTC, datetime, timedelta

from ticketing.booking import commands, events
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId
from ticketing.money import Money
from ticketing.notifications.api import Notification
from ticketing.payment import commands as payment_commands
from ticketing.payment import events as payment_events
from ticketing.payment.commands import ApplyPayment, RecordRefund, RequestRefund
from ticketing.payment.state import PaymentStatus
from ticketing.seats import Seat, Ticket

SECOND = timedelta(seconds=1)
NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)
DEADLINE = NOW + timedelta(minutes=30)


def euros(amount: int) -> Money:
    return Money(amount_minor=100 * amount, currency="EUR")


def tickets(price: Money, *seats: Seat) -> tuple[Ticket, ...]:
    return tuple(Ticket(seat=seat, price=price) for seat in seats)


ADA = ClientId("ada")
MOONLIGHT = ConcertId("moonlight")
BOOKING_ID = BookingId("ada-1")
PAYMENT_ID = PaymentId("bank-7")
OTHER_PAYMENT_ID = PaymentId("bank-8")

SEAT = Seat(row=3, number=14)
NEXT_SEAT = Seat(row=3, number=15)
OTHER_SEAT = Seat(row=4, number=1)
SEATS = (SEAT, NEXT_SEAT)
FREE = euros(0)
PRICE = euros(15)
TOTAL = euros(30)
TICKETS = tickets(PRICE, *SEATS)
FREE_TICKETS = tickets(FREE, *SEATS)

PLACE = commands.PlaceBooking(
    booking_id=BOOKING_ID, client_id=ADA, concert_id=MOONLIGHT, seats=SEATS
)
CONFIRM = commands.ConfirmBooking(booking_id=BOOKING_ID, tickets=TICKETS, expires_at=DEADLINE)
DENY = commands.DenyBooking(booking_id=BOOKING_ID, reason="the seats are taken")
CANCEL = commands.CancelBooking(booking_id=BOOKING_ID, reason="Ada is ill", cancelled_by="client")
PAY = commands.PayBooking(booking_id=BOOKING_ID, payment_id=PAYMENT_ID, amount=TOTAL)
EXPIRE = commands.ExpireBooking(booking_id=BOOKING_ID)
REINSTATE = commands.ReinstateBooking(
    booking_id=BOOKING_ID, payment_id=PAYMENT_ID, amount=TOTAL, tickets=TICKETS
)

PLACED = events.BookingPlaced(client_id=ADA, concert_id=MOONLIGHT, seats=SEATS)
CONFIRMED = events.BookingConfirmed(tickets=TICKETS, total=TOTAL, expires_at=DEADLINE)
CONFIRMED_FREE = events.BookingConfirmed(tickets=FREE_TICKETS, total=FREE, expires_at=DEADLINE)
CONFIRMED_FOR_EVER = events.BookingConfirmed(tickets=TICKETS, total=TOTAL, expires_at=None)
DENIED = events.BookingDenied(reason=DENY.reason)
CANCELLED = events.BookingCancelled(reason=CANCEL.reason, cancelled_by=CANCEL.cancelled_by)
EXPIRED = events.BookingExpired()
PAID = events.BookingPaid(payment_id=PAYMENT_ID, amount=TOTAL)
SETTLED = events.BookingSettled()
REINSTATED = events.BookingReinstated(tickets=TICKETS)

NOTIFICATION = Notification(
    kind="confirmed",
    about=BOOKING_ID,
    booking_id=BOOKING_ID,
    client_id=ADA,
    seats=SEATS,
    total=TOTAL,
    expires_at=DEADLINE,
)

# The shortest history of a paid booking to each status.
BOOKINGS: dict[events.BookingStatus, tuple[events.BookingEvent, ...]] = {
    "awaiting_confirmation": (PLACED,),
    "confirmed": (PLACED, CONFIRMED),
    "denied": (PLACED, DENIED),
    "cancelled": (PLACED, CONFIRMED, CANCELLED),
    "expired": (PLACED, CONFIRMED, EXPIRED),
    "settled": (PLACED, CONFIRMED, PAID, SETTLED),
}
SETTLED_FREE_BOOKING = (PLACED, CONFIRMED_FREE, SETTLED)
REINSTATED_BOOKING = (PLACED, CONFIRMED, EXPIRED, REINSTATED, PAID, SETTLED)

RECEIVE = payment_commands.ReceivePayment(
    payment_id=PAYMENT_ID,
    booking_id=BOOKING_ID,
    payer="Ada",
    amount=TOTAL,
    provider="bank",
    provider_ref="transfer 7",
    captured_at=NOW,
)
REPORT = payment_commands.ReportPayment(payment_id=PAYMENT_ID, booking_id=BOOKING_ID)
REFUSE = payment_commands.RefusePayment(
    payment_id=PAYMENT_ID, booking_id=BOOKING_ID, reason="unknown_to_provider"
)
APPLY = ApplyPayment(payment_id=PAYMENT_ID, booking_id=BOOKING_ID)
REQUEST_REFUND = RequestRefund(payment_id=PAYMENT_ID, reason="booking_expired")
RECORD_REFUND = RecordRefund(payment_id=PAYMENT_ID, refund_ref="refund 7")

REPORTED = payment_events.PaymentReported(booking_id=BOOKING_ID)
REFUSED = payment_events.PaymentRefused(booking_id=BOOKING_ID, reason="unknown_to_provider")
RECEIVED = payment_events.PaymentReceived(
    booking_id=BOOKING_ID,
    payer="Ada",
    amount=TOTAL,
    provider="bank",
    provider_ref="transfer 7",
    captured_at=NOW,
)
APPLIED = payment_events.PaymentApplied(booking_id=BOOKING_ID)
REFUND_REQUESTED = payment_events.PaymentRefundRequested(reason="booking_expired")
REFUNDED = payment_events.PaymentRefunded(refund_ref="refund 7")

PAYMENTS: dict[PaymentStatus, tuple[payment_events.PaymentEvent, ...]] = {
    "reported": (REPORTED,),
    "refused": (REPORTED, REFUSED),
    "received": (REPORTED, RECEIVED),
    "applied": (REPORTED, RECEIVED, APPLIED),
    "refund_requested": (REPORTED, RECEIVED, REFUND_REQUESTED),
    "refunded": (REPORTED, RECEIVED, REFUND_REQUESTED, REFUNDED),
}
