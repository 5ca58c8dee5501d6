"""Which ids a line of the log has, whoever wrote it."""

import pytest

from entrypoints.observability.telemetry import Line, with_ids

OF_A_BOOKING = {"workflow_id": "booking-b1", "booking_id": "b1"}
OF_A_PAYMENT = {"workflow_id": "payment-p1", "payment_id": "p1"}


@pytest.mark.parametrize(
    ("line", "ids"),
    [
        ({"stream": "booking-b1"}, OF_A_BOOKING),  # of a consumer
        ({"booking_id": "b1"}, OF_A_BOOKING),
        ({"workflow_id": "booking-b1"}, OF_A_BOOKING),
        ({"temporal_workflow": {"workflow_id": "booking-b1", "namespace": "n"}}, OF_A_BOOKING),
        (
            {"temporal_activity": {"workflow_id": "booking-b1", "activity_type": "x"}},
            {**OF_A_BOOKING, "step": "x"},
        ),
        ({"payment_id": "p1"}, OF_A_PAYMENT),
        ({"workflow_id": "payment-p1", "booking_id": "b1"}, {**OF_A_PAYMENT, "booking_id": "b1"}),
        ({"payment_id": "p1", "booking_id": "b1"}, {**OF_A_PAYMENT, "booking_id": "b1"}),
        ({"event": "draining"}, {}),
    ],
)
def test_a_line_names_its_process_and_its_entity(line: Line, ids: dict[str, str]) -> None:
    named = with_ids(None, "info", dict(line))
    assert {key: named[key] for key in named.keys() - {"stream", "event"}} == ids
