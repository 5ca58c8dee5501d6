"""What is wrong with the business as a whole, by the tables alone."""

from typing import Literal

from ticketing.ids import BookingId, PaymentId
from ticketing.value import Value

Check = Literal[
    "seat_constraint_missing",
    "seat_held_twice",
    "seat_not_released",
    "seats_not_held",
    "ended_twice",
    "view_differs",
    "payment_open",
    "payment_misapplied",
    "money_differs",
    "provider_differs",
]


class Finding(Value):
    """A broken promise, whom it is about, and their events: `booking-b1 2 BookingConfirmed`.

    A step under way looks broken for a moment; on a running system ask twice.
    """

    check: Check
    booking_ids: tuple[BookingId, ...]
    payment_ids: tuple[PaymentId, ...]
    what: str
    events: tuple[str, ...]

    def __str__(self) -> str:
        """For people, in one line."""
        about = [
            *(f"booking {booking_id}" for booking_id in self.booking_ids),
            *(f"payment {payment_id}" for payment_id in self.payment_ids),
        ]
        words = ": ".join(filter(None, (self.check, ", ".join(about), self.what)))
        return f"{words} ({', '.join(self.events)})" if self.events else words
