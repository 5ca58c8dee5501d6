"""The other versions of the deploy drill: 2 takes one more step than today's code, 3 is broken.

Nothing but workflow code, because the sandbox imports this module for every process.
"""

from temporalio import workflow

from activities.bookings import BookingActivities
from ticketing.policies import ProcessTerms
from ticketing.process import PaymentOutcome
from ticketing.reservations.api import Refusal, Reserved
from workflows.activity_options import RESERVATION
from workflows.booking import BookingWorkflow
from workflows.messages import BookingOutcome, PaymentRequest, PlaceRequest
from workflows.payment import PaymentWorkflow


@workflow.defn(name="BookingWorkflow")
class LooksTwice(BookingWorkflow):
    """Reads the booking from the log before it reserves: no history of today's code replays."""

    @workflow.run
    async def run(self, request: PlaceRequest) -> BookingOutcome:
        return await super().run(request)

    async def _reserve(self, terms: ProcessTerms) -> Reserved | Refusal | None:
        await workflow.execute_activity_method(
            BookingActivities.read_booking, self._request.booking_id, **RESERVATION
        )
        return await super()._reserve(terms)


@workflow.defn(name="BookingWorkflow")
class FailsAtOnce(BookingWorkflow):
    """Fails in its first workflow task, so it is pinned to no version."""

    @workflow.run
    async def run(self, request: PlaceRequest) -> BookingOutcome:
        raise RuntimeError("version 3 cannot begin a booking")


@workflow.defn(name="PaymentWorkflow")
class FailsHalfWay(PaymentWorkflow):
    """Fails in its second workflow task: by then it is pinned."""

    @workflow.run
    async def run(self, payment: PaymentRequest) -> PaymentOutcome:
        return await super().run(payment)

    async def _tell_booking_process(self) -> None:
        await super()._tell_booking_process()
        raise RuntimeError("version 3 cannot end a payment")


VERSIONS: dict[str, tuple[type, ...]] = {
    "2": (LooksTwice, PaymentWorkflow),
    "3": (FailsAtOnce, FailsHalfWay),
}
