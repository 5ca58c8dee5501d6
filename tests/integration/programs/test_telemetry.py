"""What a worker tells of its work: a JSON object a line, and one trace from client to statement."""

import sys

import pytest
from temporalio.client import Client

from entrypoints.devstack.children import Home, child, free_port
from entrypoints.settings import LOOPBACK, Settings
from entrypoints.wiring import box_office
from tests.support.builders import CONCERT, HOLD, PRICE, concert, place
from tests.support.otlp import Span, collecting
from tests.support.programs import WORKER, program
from tests.support.provider import Provider
from tests.support.stage import PATIENCE
from workflows.client import OrchestratedBookingProcess

BOX_OFFICE = ("-m", "entrypoints.cli")
NOT_OF_A_PROCESS = {"draining"}


@pytest.fixture
async def on_sale(database: str) -> None:
    async with box_office(Settings(database_url=database)) as parts:
        await parts.reservations.add_concert(concert(CONCERT, PRICE, HOLD))


async def test_every_line_of_a_process_is_json_and_names_it_and_its_booking(
    home: Home, finds: dict[str, str], client: Client, task_queue: str, on_sale: None
) -> None:
    nobody = f"smtp://{LOOPBACK}:{free_port()}"
    process = OrchestratedBookingProcess(client, task_queue, patience=PATIENCE)
    async with program(home, "worker", WORKER, {**finds, "BOX_OFFICE_SMTP_URL": nobody}) as worker:
        await process.place(place("b1", "1-1"))
        await process.cancel(place("b1", "1-1").booking_id, "ill")
        assert await worker.child.stop() == 0
        lines = worker.lines()
    of_process = [line for line in lines if line["event"] not in NOT_OF_A_PROCESS]
    assert {(line.get("workflow_id"), line.get("booking_id")) for line in of_process} == {
        ("booking-b1", "b1")
    }
    steps = [line["step"] for line in of_process if line["event"] == "step done"]
    assert steps == [
        *("process_terms", "place_booking", "reserve_seats", "confirm_booking"),
        *("cancel_booking", "release_seats"),
    ]
    loggers = {line.get("logger") for line in of_process}
    assert loggers == {None, "temporalio.activity", "temporalio.workflow"}, of_process
    assert all({"level", "timestamp"} <= line.keys() for line in lines)


async def test_a_payment_is_one_trace_of_client_workflow_activity_sql_and_provider(
    home: Home, finds: dict[str, str], provider: Provider, on_sale: None
) -> None:
    async with collecting() as collector:
        traced = {
            **finds,
            "BOX_OFFICE_PROVIDER_URL": provider.url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        async with program(home, "worker", WORKER, traced):
            where = ("--concert", CONCERT, "--client", "ann", "--seat", "1-1", "--id", "b1")
            assert await _box_office(home, traced, "place", *where) == 0
            assert await _box_office(home, traced, "pay", "b1", "--amount", "1") == 3
            await collector.until(lambda: _named(collector.spans) >= {"RunActivity:record_refund"})
    assert _kinds(collector.trace_of("box-office place")) >= {
        ("box-office-cli", "StartUpdateWithStartWorkflow:BookingWorkflow"),
        ("box-office-worker", "RunWorkflow:BookingWorkflow"),
        ("box-office-worker", "RunActivity:confirm_booking"),
        ("box-office-worker", "SQL"),
    }
    assert _kinds(collector.trace_of("box-office pay")) >= {
        ("box-office-cli", "POST"),  # the provider captures
        ("box-office-cli", "StartWorkflow:PaymentWorkflow"),
        ("box-office-worker", "RunWorkflow:PaymentWorkflow"),
        ("box-office-worker", "RunActivity:refund_payment"),
        ("box-office-worker", "SQL"),
        ("box-office-worker", "POST"),  # the provider pays back
    }
    assert len({span.trace for span in collector.trace_of("box-office pay")}) == 1
    statements = {span.trace for span in collector.spans if _is_sql(span)}
    assert statements <= {span.trace for span in collector.spans if not _is_sql(span)}


def _named(spans: list[Span]) -> set[str]:
    return {span.name for span in spans}


def _kinds(spans: list[Span]) -> set[tuple[str, str]]:
    return {(span.service, "SQL" if _is_sql(span) else span.name) for span in spans}


def _is_sql(span: Span) -> bool:
    return span.attributes.get("db.system") == "postgresql"


async def _box_office(home: Home, environment: dict[str, str], *arguments: str) -> int:
    command = (sys.executable, *BOX_OFFICE, *arguments)
    async with child(home, "box-office", command, environment=environment) as cli:
        return await cli.wait()
