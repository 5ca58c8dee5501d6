"""The choreography in two tables: who reacts to which events, and what only time brings about.

Nobody leads. The name of a consumer is the key of its checkpoints and never changes.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar, get_args

from pydantic import BaseModel

from choreography.booking_confirmation import confirm_or_deny, deny_unconfirmed
from choreography.booking_expiration import SWEEP_MAX, Sweep, expire, sweep
from choreography.booking_payment import use_new_payment, use_payment
from choreography.notification import remind, tell_of_booking, tell_of_refund
from choreography.refund import make_refund, try_refund
from choreography.seat_release import ENDS, release_seats
from choreography.services import Services
from eventstore.api import StoredEvent, Tx
from eventstore.codec import Codec
from eventstore.consumer import Subscription
from eventstore.delivery import AtLeastOnce, AtMostOnce, Handler
from eventstore.slices import Category
from ticketing.booking.events import BookingEvent, BookingPlaced
from ticketing.command_handler import BOOKING_CODEC, PAYMENT_CODEC
from ticketing.ids import BookingId, PaymentId, booking_of, payment_of
from ticketing.payment.events import (
    PaymentEvent,
    PaymentReceived,
    PaymentRefunded,
    PaymentRefundRequested,
    PaymentReported,
)
from ticketing.views.api import BookingViews, PaymentViews

ARRIVALS = (PaymentReported, PaymentReceived)  # earlier code received what was only reported
AT_LEAST_ONCE = partial(AtLeastOnce, on_poison="park")

Id = TypeVar("Id")
Event = TypeVar("Event", bound=BaseModel)
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Reaction(Generic[Id, Event]):
    """A row of the table: a consumer, the events it reacts to, what it does then, and how often."""

    consumer: str
    reacts_to: Collection[type[Event]]
    does: Callable[[Id, Event, Services], Awaitable[None]]
    delivery: Callable[[Handler], AtLeastOnce | AtMostOnce]


# The consumer, what it reacts to, what it does, and its delivery.
OF_BOOKINGS: Sequence[Reaction[BookingId, BookingEvent]] = (
    Reaction("BookingConfirmationProcess", (BookingPlaced,), confirm_or_deny, AT_LEAST_ONCE),
    Reaction("SeatReleaseProcess", ENDS, release_seats, AT_LEAST_ONCE),
    Reaction("NotificationProcess", get_args(BookingEvent), tell_of_booking, AtMostOnce),
)
OF_PAYMENTS: Sequence[Reaction[PaymentId, PaymentEvent]] = (
    Reaction("BookingPaymentProcess", ARRIVALS, use_new_payment, AT_LEAST_ONCE),
    Reaction("RefundProcess", (PaymentRefundRequested,), try_refund, AT_LEAST_ONCE),
    Reaction("RefundNotificationProcess", (PaymentRefunded,), tell_of_refund, AtMostOnce),
)


def subscriptions(by: Services) -> list[Subscription[Tx]]:
    """Return the consumers, each with its own checkpoints and delivery mode."""
    return [
        *(_consumer(row, "booking", BOOKING_CODEC, booking_of, by) for row in OF_BOOKINGS),
        *(_consumer(row, "payment", PAYMENT_CODEC, payment_of, by) for row in OF_PAYMENTS),
    ]


def sweeps(by: Services, bookings: BookingViews, payments: PaymentViews) -> list[Sweep]:
    """Return what is asked for every so often: whom a sweep finds, and what it does for each."""

    def look(
        find: Callable[..., Awaitable[Sequence[Found]]],
        does: Callable[[Found, Services], Awaitable[None]],
    ) -> Sweep:
        return partial(sweep, partial(find, limit=SWEEP_MAX), lambda found: does(found, by))

    terms = by.terms
    return [
        look(partial(bookings.overdue, terms.expiry_grace), expire),
        look(partial(bookings.unconfirmed, terms.confirmation_timeout), deny_unconfirmed),
        look(partial(bookings.to_remind, terms.reminder_before), remind),
        *(
            look(
                partial(payments.under_way, status),
                lambda found, by: use_payment(found.payment_id, found.waited, by),
            )
            for status in ("reported", "received")
        ),
        look(
            partial(payments.under_way, "refund_requested"),
            lambda found, by: make_refund(found.payment_id, by),
        ),
    ]


def _consumer(
    row: Reaction[Id, Event],
    category: str,
    codec: Codec[Event],
    id_of: Callable[[str], Id],
    by: Services,
) -> Subscription[Tx]:
    names = {event.__name__ for event in row.reacts_to}  # the stored type is the name of the class

    async def handle(stored: StoredEvent) -> None:
        if stored.type in names:
            await row.does(id_of(stored.stream), codec.decode(stored), by)

    return Subscription(row.consumer, Category(category), row.delivery(handle))
