"""Whatever a process does, on every recorded path, has a summary: what the Web UI calls it."""

from typing import Any

from temporalio import worker
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.bookings import BookingActivities
from activities.notifications import NotificationActivities
from activities.payments import PaymentActivities
from activities.provider import ProviderActivities
from activities.reservations import ReservationActivities
from activities.terms import TermsActivities
from entrypoints.temporal import WORKFLOWS
from tests.replay.test_replay import FILES, histories

ACTIVITIES = {
    name
    for group in (
        BookingActivities,
        NotificationActivities,
        PaymentActivities,
        ProviderActivities,
        ReservationActivities,
        TermsActivities,
    )
    for name in vars(group)
    if not name.startswith("_")
}

summaries: dict[str, set[str | None]] = {}  # by activity


class Watching(worker.WorkflowOutboundInterceptor):
    def start_activity(self, input: worker.StartActivityInput) -> Any:
        summaries.setdefault(input.activity, set()).add(input.summary)
        return super().start_activity(input)

    def start_local_activity(self, input: worker.StartLocalActivityInput) -> Any:
        summaries.setdefault(input.activity, set()).add(input.summary)
        return super().start_local_activity(input)


class Watched(worker.WorkflowInboundInterceptor):
    def init(self, outbound: worker.WorkflowOutboundInterceptor) -> None:
        super().init(Watching(outbound))


class Watch(worker.Interceptor):
    def workflow_interceptor_class(
        self, input: worker.WorkflowInterceptorClassInput
    ) -> type[worker.WorkflowInboundInterceptor]:
        return Watched


async def test_every_activity_of_every_path_has_a_summary() -> None:
    replayer = worker.Replayer(
        workflows=WORKFLOWS,
        workflow_runner=worker.UnsandboxedWorkflowRunner(),
        data_converter=pydantic_data_converter,
        interceptors=[Watch()],
    )
    for history in histories(FILES):
        await replayer.replay_workflow(history)
    assert set(summaries) == ACTIVITIES
    assert [name for name, given in summaries.items() if not all(given)] == []
