"""The commands of `box-office` about bookings."""

import json
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from entrypoints.cli import answers, inputs
from entrypoints.cli.answers import Json, command
from entrypoints.cli.reads import views_caught_up
from entrypoints.processes import booking_process, temporal_of
from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, box_office
from eventstore.errors import TransientError
from ticketing.booking.commands import PlaceBooking
from ticketing.booking.state import Booking
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId, booking_stream
from ticketing.money import Money
from ticketing.payment_provider.api import (
    CaptureRefused,
    CaptureRequest,
    ProviderError,
    ProviderPayment,
)
from ticketing.process import PaymentOutcome, PlaceAnswer, new_id
from ticketing.views.api import BookingView, PaymentView

PAGE = 50  # rows of a list
CAPTURE_ATTEMPTS = 3  # an unknown outcome is asked for again, with the same key

BookingArgument = Annotated[str, typer.Argument(metavar="BOOKING")]

app = typer.Typer()


@command(app)
async def place(
    concert: Annotated[str, typer.Option(help="Id of the concert.")],
    client: Annotated[str, typer.Option(help="Id of the client who books.")],
    seat: Annotated[
        list[str], typer.Option(metavar="ROW-NUMBER", help="A seat, as 3-14; up to 10 times.")
    ],
    id: Annotated[str | None, typer.Option(help="A repeated id means the same booking.")] = None,
    as_json: Json = False,
) -> None:
    """Place a booking and wait for the decision."""
    request = PlaceBooking(
        booking_id=inputs.identity(BookingId, id or new_id(), "--id"),
        client_id=inputs.identity(ClientId, client, "--client"),
        concert_id=inputs.identity(ConcertId, concert, "--concert"),
        seats=inputs.seats(seat),
    )
    settings = Settings()
    async with box_office(settings) as parts:
        process = booking_process(settings, parts, await temporal_of(settings))
        decision = await process.place(request)
    if decision.rejection:
        answers.refused(
            decision.rejection.type,
            f"the request for {request.booking_id} is rejected: {_fact(decision.rejection)}",
            **answers.plain(decision),
        )
    if decision.status not in ("confirmed", "settled"):
        answers.refused(
            f"BookingIs{decision.status.title()}",
            f"{request.booking_id} is {decision.status}: {decision.reason or 'too late'}",
            **answers.plain(decision),
        )
    answers.show(decision, _decided(decision), as_json=as_json)


@command(app)
async def pay(
    booking_id: BookingArgument,
    payment_id: Annotated[
        str | None, typer.Option(help="A repeated id means the same payment.")
    ] = None,
    amount: Annotated[
        str | None,
        typer.Option(metavar="CENTS", help="In the minor unit; the booking's total if left out."),
    ] = None,
    currency: Annotated[str, typer.Option(help="Code of ISO 4217.")] = "EUR",
    as_json: Json = False,
) -> None:
    """Pay for a booking and wait for the outcome."""
    booking_id = inputs.identity(BookingId, booking_id)
    payment_id = inputs.identity(PaymentId, payment_id or new_id(), "--payment-id")
    amount_minor = inputs.amount_minor(amount)
    settings = Settings()
    async with box_office(settings) as parts:
        booking = await _booking(parts, booking_id)
        if booking is None and amount_minor is None:
            answers.not_found("booking", booking_id)
        request = CaptureRequest(
            payment_id=payment_id,
            booking_id=booking_id,
            payer=booking.client_id if booking else "unknown",
            amount=_amount(booking_id, booking, amount_minor, currency),
        )
        captured = await _capture(parts, request)
        process = booking_process(settings, parts, await temporal_of(settings))
        outcome = await process.pay(captured.report())
    if outcome.status != "applied":
        answers.refused(
            outcome.reason or f"PaymentIs{outcome.status.title()}",
            f"payment {outcome.payment_id} of {request.amount} is {outcome.status}: "
            f"{outcome.reason or outcome.refund_reason}",
            **answers.plain(outcome),
        )
    answers.show(outcome, _paid(outcome, request), as_json=as_json)


@command(app)
async def cancel(
    booking_id: BookingArgument,
    reason: Annotated[str, typer.Option(help="1 to 200 characters.")],
    as_json: Json = False,
) -> None:
    """Cancel a booking and wait for its end."""
    if not 1 <= len(reason) <= 200:
        answers.bad_input("--reason", f"has {len(reason)} characters; 1 to 200 are allowed")
    booking_id = inputs.identity(BookingId, booking_id)
    settings = Settings()
    async with box_office(settings) as parts:
        process = booking_process(settings, parts, await temporal_of(settings))
        answer = await process.cancel(booking_id, reason)
    if answer.status in ("not_found", "rejected"):
        answers.not_found("booking", booking_id)
    if answer.status != "cancelled":
        answers.refused(
            f"BookingIs{answer.status.title()}",
            f"{booking_id} is {answer.status} and cannot be cancelled",
            **answers.plain(answer),
        )
    answers.show(answer, f"{booking_id} is cancelled: {answer.reason}", as_json=as_json)


@command(app)
async def show(booking_id: BookingArgument, as_json: Json = False) -> None:
    """Show a booking and its payments as they are now."""
    booking_id = inputs.identity(BookingId, booking_id)
    async with box_office(Settings()) as parts:
        booking = await _booking(parts, booking_id)
        if booking is None:
            answers.not_found("booking", booking_id)
        await views_caught_up(parts)
        payments = await parts.payment_views.of_bookings([booking_id])
    fields = TypeAdapter(Booking).dump_python(booking, mode="json", exclude_none=True)
    rows = (
        ("booking", booking_id),
        ("status", booking.status),
        ("client", booking.client_id),
        ("concert", booking.concert_id),
        ("seats", ", ".join(map(str, booking.seats))),
        ("total", booking.total),
        ("expires at", _deadline(booking)),
        ("reason", booking.reason),
        *(("payment", _line(payment)) for payment in payments),
    )
    lines = [f"{name:12}{value}" for name, value in rows if value is not None]
    document = {"booking_id": booking_id, **fields, "payments": payments}
    answers.show(document, *lines, as_json=as_json)


@command(app)
async def history(booking_id: BookingArgument, as_json: Json = False) -> None:
    """List every event of a booking."""
    stream = booking_stream(inputs.identity(BookingId, booking_id))
    async with box_office(Settings()) as parts:
        events = await parts.store.read_stream(stream)
    if not events:
        answers.not_found("booking", booking_id)
    rows: list[dict[str, Any]] = [
        {
            "version": event.version,
            "recorded_at": event.recorded_at.isoformat(),
            "type": event.type,
            "data": json.loads(event.data),
        }
        for event in events
    ]
    lines = [
        f"{event.version:3}  {event.recorded_at:%Y-%m-%d %H:%M:%S}  {event.type:18} {event.data}"
        for event in events
    ]
    answers.show(rows, *lines, as_json=as_json)


@command(app, "list")
async def list_bookings(
    client: Annotated[str | None, typer.Option(help="Bookings of this client.")] = None,
    concert: Annotated[str | None, typer.Option(help="Bookings of this concert.")] = None,
    status: Annotated[str | None, typer.Option(help="With --concert: in this status.")] = None,
    before: Annotated[str | None, typer.Option(help="Only bookings older than this one.")] = None,
    as_json: Json = False,
) -> None:
    """List bookings, the newest first."""
    if (client is None) == (concert is None):
        answers.bad_input("--client, --concert", "give exactly one of the two")
    if client is not None and status is not None:
        answers.bad_input("--status", "goes with --concert")
    wanted = inputs.status(status)
    after = inputs.identity(BookingId, before, "--before") if before else None
    async with box_office(Settings()) as parts:
        await views_caught_up(parts)
        if after is not None and await parts.views.booking(after) is None:
            answers.not_found("booking", after)
        if client is not None:
            found = await parts.views.by_client(
                inputs.identity(ClientId, client, "--client"), limit=PAGE + 1, before=after
            )
        else:
            found = await parts.views.by_concert(
                inputs.identity(ConcertId, concert or "", "--concert"),
                wanted,
                limit=PAGE + 1,
                before=after,
            )
        page = found[:PAGE]
        payments = await parts.payment_views.of_bookings([booking.booking_id for booking in page])
    lines = [_row(booking, payments) for booking in page] or ["no bookings"]
    if len(found) > PAGE:
        lines.append(f"more: --before {page[-1].booking_id}")
    due = [payment for payment in payments if payment.ended_at is None]
    answers.show(
        {"bookings": page, "payments_under_way": due, "more": len(found) > PAGE},
        *lines,
        as_json=as_json,
    )


async def _booking(parts: BoxOffice, booking_id: BookingId) -> Booking | None:
    return await parts.bookings.read(booking_stream(booking_id))


async def _capture(parts: BoxOffice, request: CaptureRequest) -> ProviderPayment:
    try:
        answer = await _ask_again(lambda: parts.provider.capture(request))
    except ProviderError:
        answers.refused(
            "PaymentAlreadyReceived",
            f"{request.payment_id} is another payment; for a new one leave out --payment-id",
            payment_id=request.payment_id,
        )
    if isinstance(answer, CaptureRefused):
        answers.refused(
            "CaptureRefused",
            f"the provider refused payment {request.payment_id}: {answer.reason}",
            reason=answer.reason,
        )
    return answer


async def _ask_again(
    ask: Callable[[], Awaitable[ProviderPayment | CaptureRefused]],
) -> ProviderPayment | CaptureRefused:
    for _ in range(CAPTURE_ATTEMPTS - 1):
        with suppress(TransientError):
            return await ask()
    return await ask()


def _deadline(booking: Booking) -> str | None:
    """Return the deadline of a booking that may expire, or that has expired."""
    if booking.expires_at is None or booking.status not in ("confirmed", "expired"):
        return None
    return f"{booking.expires_at:%Y-%m-%d %H:%M:%S} UTC"


def _amount(
    booking_id: BookingId, booking: Booking | None, amount_minor: int | None, currency: str
) -> Money:
    if amount_minor is not None:
        if not re.fullmatch("[A-Z]{3}", currency):
            answers.bad_input("--currency", f"{currency!r} is no ISO 4217 code, as EUR")
        return Money(amount_minor=amount_minor, currency=currency)
    if booking is None or booking.total is None:
        answers.bad_input("--amount", f"{booking_id} has no total; say what is paid")
    return booking.total


def _decided(decision: PlaceAnswer) -> str:
    until = (
        f", to be paid before {decision.expires_at:%Y-%m-%d %H:%M:%S} UTC"
        if decision.expires_at and decision.status == "confirmed"
        else ""
    )
    return f"{decision.booking_id} is {decision.status}: {decision.total}{until}"


def _paid(outcome: PaymentOutcome, request: CaptureRequest) -> str:
    again = " (it had expired, and got its seats back)" if outcome.reinstated else ""
    return (
        f"payment {outcome.payment_id} of {request.amount} is applied: "
        f"{request.booking_id} is settled{again}"
    )


def _row(row: BookingView, payments: tuple[PaymentView, ...]) -> str:
    money = "".join(
        f"  {_line(payment)}"
        for payment in payments
        if payment.booking_id == row.booking_id and not payment.ended_at
    )
    seats = ", ".join(map(str, row.seats))
    return f"{row.booking_id:38} {row.status:22} {row.total or ''!s:>12}  {seats}{money}"


def _line(payment: PaymentView) -> str:
    reason = payment.refund_reason or payment.refusal
    why = f": {reason}" if reason else ""
    return f"{payment.payment_id} {payment.amount or ''} {payment.status}{why}"


def _fact(rejection: Any) -> str:
    data = ", ".join(
        f"{name} {_plainly(value)}"
        for name, value in dict(rejection).items()
        if name != "type" and value is not None
    )
    return f"{rejection.type} ({data})" if data else rejection.type


def _plainly(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
