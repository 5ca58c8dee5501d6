"""What the steps of the choreography are given."""

from dataclasses import dataclass

from ticketing.command_handler import BookingHandler, PaymentHandler
from ticketing.notifications.api import Notifier
from ticketing.payment_provider.api import PaymentProvider
from ticketing.policies import ProcessTerms
from ticketing.receipts import Receipts
from ticketing.reservations.api import ReservationService


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The entities and the services that a step may ask, and the terms of the process."""

    bookings: BookingHandler
    payments: PaymentHandler
    reservations: ReservationService
    provider: PaymentProvider
    receipts: Receipts
    notifier: Notifier
    terms: ProcessTerms
