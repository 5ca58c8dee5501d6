"""A payment provider on this machine: `python -m sandbox.provider --port N --data-dir D`."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from sqlite3 import Connection
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox import faults, ledger, notices, server
from sandbox.database import open_database, transaction
from sandbox.faults import Fault
from sandbox.ledger import Answer
from sandbox.messages import CaptureRequest

Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=255)]
routes = APIRouter()
UNAVAILABLE = ledger.problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable")


@dataclass(frozen=True, slots=True)
class Office:
    """The state that all requests share."""

    database: Connection
    written: asyncio.Event


class CuttableProtocol(H11Protocol):
    """Gives the connection to the application, because a fault may cut it without an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


async def _office(request: Request) -> Office:
    office: Office = request.app.state.office
    return office


InOffice = Annotated[Office, Depends(_office)]


@routes.post("/v1/payments")
async def capture(request: Request, office: InOffice, key: Key, wanted: CaptureRequest) -> Response:
    def act(refuse: bool) -> Answer:
        return ledger.capture(office.database, key, wanted, refuse=refuse, now=_now())

    return await _serve(request, "capture", wanted.payment_id, act)


@routes.post("/v1/payments/{payment_id}/refunds")
async def refund(request: Request, office: InOffice, key: Key, payment_id: str) -> Response:
    def act(refuse: bool) -> Answer:
        return ledger.refund(office.database, key, payment_id, refuse=refuse, now=_now())

    return await _serve(request, "refund", payment_id, act)


@routes.post("/v1/payments/{payment_id}/chargebacks")
async def charge_back(office: InOffice, payment_id: str) -> Response:
    answer = ledger.charge_back(office.database, payment_id, now=_now())
    office.written.set()
    return _response(answer)


@routes.get("/v1/payments/{payment_id}")
async def look_up(request: Request, office: InOffice, payment_id: str) -> Response:
    def act(refuse: bool) -> Answer:
        return UNAVAILABLE if refuse else ledger.look_up(office.database, payment_id)

    return await _serve(request, "look_up", payment_id, act)


@routes.get("/v1/payments")
async def payments(request: Request, office: InOffice, after: str | None = None) -> Response:
    def act(refuse: bool) -> Answer:
        return UNAVAILABLE if refuse else ledger.page(office.database, after)

    return await _serve(request, "look_up", None, act)


@routes.get("/v1/effects")
async def effects(office: InOffice) -> list[dict[str, object]]:
    return ledger.effects(office.database)


@routes.get("/v1/notices")
async def states_of_notices(office: InOffice) -> list[dict[str, object]]:
    return notices.states(office.database)


@routes.get("/v1/faults")
async def planned_faults(office: InOffice) -> list[Fault]:
    return faults.planned(office.database)


@routes.put("/v1/faults")
async def plan_faults(office: InOffice, plan: list[Fault]) -> list[Fault]:
    faults.replace_plan(office.database, plan)
    return faults.planned(office.database)


@routes.delete("/v1/faults", status_code=HTTPStatus.NO_CONTENT)
async def forget_faults(office: InOffice) -> None:
    faults.replace_plan(office.database, [])


def provider(directory: Path, notify_url: str | None, secret: str) -> FastAPI:
    """Run the provider with its ledger in a directory of its own."""

    @asynccontextmanager
    async def open_office(app: FastAPI) -> AsyncIterator[None]:
        with closing(open_database(directory, "ledger")) as database:
            app.state.office = office = Office(database, asyncio.Event())
            async with asyncio.TaskGroup() as tasks:
                deliver = notices.deliver(database, notify_url, secret, office.written)
                delivery = tasks.create_task(deliver)
                yield
                delivery.cancel()

    app = FastAPI(title="Sandbox payment provider", lifespan=open_office)
    app.include_router(routes)
    return app


async def _serve(
    request: Request, operation: str, payment_id: str | None, act: Callable[[bool], Answer]
) -> Response:
    """Apply the planned fault to a request; `act` learns whether to refuse a new payment."""
    office: Office = request.app.state.office
    with transaction(office.database):
        fault = faults.take(office.database, operation, payment_id)
    kind, seconds = (fault.fault, fault.seconds) if fault else (None, 0.0)
    if kind == "timeout_before_effect":
        return await _cut(request, seconds)
    if kind == "slow":
        await asyncio.sleep(seconds)
    answer = act(kind == "refuse")
    office.written.set()
    if kind == "timeout_after_effect":
        return await _cut(request, seconds)
    return _response(answer)


async def _cut(request: Request, seconds: float) -> Response:
    """Close the connection after a pause, so that no response arrives."""
    await asyncio.sleep(seconds)
    transport: asyncio.Transport = request.state.transport
    transport.abort()
    return Response()


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, media_type="application/json")


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # the one clock of this company


def main() -> None:
    parser = server.parser("provider", __doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--notify-url", help="where to POST notices; none without it")
    parser.add_argument(
        "--secret",
        default=os.environ.get("SANDBOX_SECRET", ""),  # noqa: TID251  # a door of its own
        help="signs notices; SANDBOX_SECRET by default, where `ps` does not show it",
    )
    options = parser.parse_args()
    if options.notify_url and not options.secret:
        parser.error("notices need a secret that signs them")
    app = provider(options.data_dir, options.notify_url, options.secret)
    server.serve(app, options.host, options.port, CuttableProtocol)


if __name__ == "__main__":
    main()
