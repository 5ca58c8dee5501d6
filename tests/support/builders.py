"""What tests ask for: ann's booking of some seats, her money, and the concerts on sale."""

from datetime import UTC, datetime, timedelta

from ticketing.booking.commands import PayBooking, PlaceBooking
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId
from ticketing.money import Money
from ticketing.payment.commands import ReceivePayment
from ticketing.payment_provider.api import CaptureRequest
from ticketing.reservations.api import Concert, PriceZone
from ticketing.seats import Seat

CONCERT, FREE, OPEN_END = ConcertId("concertA"), ConcertId("freeConcert"), ConcertId("openEnd")
SHORT = ConcertId("short")
HOLD = timedelta(hours=6)
PRICE, NOTHING = (Money(amount_minor=amount, currency="EUR") for amount in (500, 0))


def place(booking_id: str, *seats: str, concert: ConcertId = CONCERT) -> PlaceBooking:
    return PlaceBooking(
        booking_id=BookingId(booking_id),
        client_id=ClientId("ann"),
        concert_id=concert,
        seats=tuple(map(Seat.parse, seats)),
    )


def payment(booking_id: str, payment_id: str = "p1", amount: Money = PRICE) -> ReceivePayment:
    return ReceivePayment(
        payment_id=PaymentId(payment_id),
        booking_id=BookingId(booking_id),
        payer="ann",
        amount=amount,
        provider="sandbox",
        provider_ref="ref",
        captured_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def paid(booking_id: str, amount: Money = PRICE) -> PayBooking:
    """The command of a payment's process to the booking."""
    return PayBooking(booking_id=BookingId(booking_id), payment_id=PaymentId("p1"), amount=amount)


def capture_request(
    booking_id: str, payment_id: str = "p1", amount: Money = PRICE
) -> CaptureRequest:
    return CaptureRequest(
        payment_id=PaymentId(payment_id),
        booking_id=BookingId(booking_id),
        payer="ann",
        amount=amount,
    )


def concert(
    concert_id: ConcertId, price: Money, hold: timedelta | None, rows: int = 3, seats: int = 10
) -> Concert:
    return Concert(
        concert_id=concert_id,
        title=concert_id,
        starts_at=datetime(2030, 1, 1, 20, tzinfo=UTC),
        currency="EUR",
        hold=hold,
        zones=(PriceZone(first_row=1, last_row=rows, seats_per_row=seats, price=price),),
    )
