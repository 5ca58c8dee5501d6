"""The table of the choreography: its names are those that checkpoints are stored under."""

from choreography.reactions import subscriptions
from eventstore.consumer import Subscription
from eventstore.delivery import AtLeastOnce
from tests.unit.choreography.office import Office


async def test_the_consumers_have_their_stored_names_and_delivery(office: Office) -> None:
    consumers: list[Subscription[None]] = subscriptions(office.services())
    table = {
        (consumer.name, consumer.category): (type(consumer.delivery).__name__, consumer.generation)
        for consumer in consumers
    }
    assert table == {
        ("BookingConfirmationProcess", "booking"): ("AtLeastOnce", 1),
        ("SeatReleaseProcess", "booking"): ("AtLeastOnce", 1),
        ("NotificationProcess", "booking"): ("AtMostOnce", 1),
        ("BookingPaymentProcess", "payment"): ("AtLeastOnce", 1),
        ("RefundProcess", "payment"): ("AtLeastOnce", 1),
        ("RefundNotificationProcess", "payment"): ("AtMostOnce", 1),
    }


async def test_what_must_not_be_lost_is_put_aside_when_it_is_poison(office: Office) -> None:
    consumers: list[Subscription[None]] = subscriptions(office.services())
    modes = [consumer.delivery for consumer in consumers]
    assert {mode.on_poison for mode in modes if isinstance(mode, AtLeastOnce)} == {"park"}
