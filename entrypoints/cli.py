"""`box-office`: the system from a terminal."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from entrypoints import answers, local, operations
from entrypoints.demo import concerts_in
from entrypoints.operations import Json
from entrypoints.settings import Settings
from entrypoints.wiring import (
    box_office,
    connect_temporal,
)
from eventstore.slices import StreamId
from ticketing.booking.commands import PlaceBooking
from ticketing.booking.state import BookingStatus
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId, booking_stream
from ticketing.money import Money
from ticketing.payment.commands import ReceivePayment
from ticketing.process import new_id
from ticketing.reservations.api import Concert
from ticketing.seats import Seat
from workflows.client import OrchestratedBookingProcess

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode=None)
concert = typer.Typer(no_args_is_help=True, help="What is on sale.")
app.add_typer(concert, name="concert")
app.add_typer(local.app)
app.add_typer(operations.app)

PAGE = 50  # rows of a list


@concert.command("add")
def concert_add(file: Path, as_json: Json = False) -> None:
    """Put the concerts of a JSON FILE on sale, or change them."""

    async def command() -> None:
        concerts = _concerts(file)
        async with box_office(Settings()) as parts:
            for each in concerts:
                await parts.reservations.add_concert(each)
        ids = [each.concert_id for each in concerts]
        answers.show({"added": ids}, f"on sale: {', '.join(ids)}", as_json=as_json)

    answers.run(command(), as_json=as_json)


@concert.command("list")
def concert_list(as_json: Json = False) -> None:
    """All concerts, by start."""

    async def command() -> None:
        async with box_office(Settings()) as parts:
            concerts = await parts.reservations.concerts()
        lines = [
            f"{each.concert_id:20} {each.starts_at:%Y-%m-%d %H:%M} "
            f"{'open  ' if each.sales_open else 'closed'} {each.title}"
            for each in concerts
        ]
        answers.show(concerts, "\n".join(lines) or "no concerts", as_json=as_json)

    answers.run(command(), as_json=as_json)


@app.command()
def seats(concert_id: str, as_json: Json = False) -> None:
    """The seat map of a concert: free, held or sold."""

    async def command() -> None:
        async with box_office(Settings()) as parts:
            entries = await parts.views.seat_map(_id(ConcertId, concert_id, "CONCERT"))
        if not entries:
            answers.not_found("concert", concert_id)
        rows: dict[int, str] = {}
        for each in entries:
            mark = {"free": ".", "held": "h", "sold": "S"}[each.state]
            rows[each.seat.row] = rows.get(each.seat.row, "") + mark
        text = "\n".join(f"row {row:3} {marks}" for row, marks in rows.items())
        answers.show(entries, f"{text}\n. free  h held  S sold", as_json=as_json)

    answers.run(command(), as_json=as_json)


@app.command()
def place(
    concert_id: Annotated[str, typer.Option("--concert")],
    client_id: Annotated[str, typer.Option("--client")],
    seat: Annotated[list[str], typer.Option("--seat", help="ROW-NUMBER, as in 3-14")],
    booking_id: Annotated[str | None, typer.Option("--id", help="again: the same booking")] = None,
    as_json: Json = False,
) -> None:
    """Place a booking and wait for the decision."""

    async def command() -> None:
        request = PlaceBooking(
            booking_id=_id(BookingId, booking_id or new_id(), "--id"),
            client_id=_id(ClientId, client_id, "--client"),
            concert_id=_id(ConcertId, concert_id, "--concert"),
            seats=tuple(_seat(each) for each in seat),
        )
        decision = await (await _process()).place(request)
        if decision.rejection:
            answers.refused(
                decision.rejection.type,
                f"{request.booking_id} is rejected: {_fact(decision.rejection)}",
                **answers.plain(decision),
            )
        if decision.status in ("denied", "cancelled", "expired"):
            answers.refused(
                f"Booking{decision.status.title()}",
                f"{request.booking_id} is {decision.status}: {decision.reason or 'too late'}",
                **answers.plain(decision),
            )
        until = (
            f", pay before {decision.expires_at:%Y-%m-%d %H:%M:%S} UTC"
            if decision.expires_at
            else ""
        )
        text = f"{request.booking_id} is {decision.status}: {decision.total}{until}"
        answers.show(decision, text, as_json=as_json)

    answers.run(command(), as_json=as_json)


@app.command()
def pay(
    booking_id: str,
    payment_id: Annotated[str | None, typer.Option(help="again: the same payment")] = None,
    amount: Annotated[
        int | None, typer.Option(help="in the minor unit; the total if left out")
    ] = None,
    currency: Annotated[str, typer.Option(help="ISO 4217")] = "EUR",
    as_json: Json = False,
) -> None:
    """Pay for a booking and wait for the outcome."""

    async def command() -> None:
        booking = _id(BookingId, booking_id, "BOOKING")
        async with box_office(Settings()) as parts:
            state = await parts.bookings.read(StreamId(booking_stream(booking)))
        total = state.total if state else None
        money = total if amount is None else Money(amount_minor=amount, currency=currency)
        if money is None:
            answers.bad_input("--amount", f"{booking_id} has no total yet; say what was paid")
        payment = ReceivePayment(
            payment_id=_id(PaymentId, payment_id or new_id(), "--payment-id"),
            booking_id=booking,
            payer=state.client_id if state else "unknown",
            amount=money,
            provider="sandbox",
            provider_ref="box-office-pay",
            captured_at=datetime.now(UTC),
        )
        outcome = await (await _process()).pay(payment)
        if outcome.status != "applied":
            answers.refused(
                outcome.reason or "PaymentNotApplied",
                f"payment {outcome.payment_id} is {outcome.status}, not applied: {outcome.reason}",
                **answers.plain(outcome),
            )
        text = f"payment {outcome.payment_id} of {money} is applied: {booking_id} is settled"
        answers.show(outcome, text, as_json=as_json)

    answers.run(command(), as_json=as_json)


@app.command()
def cancel(booking_id: str, reason: Annotated[str, typer.Option()], as_json: Json = False) -> None:
    """Cancel a booking and wait for its end."""

    async def command() -> None:
        process = await _process()
        answer = await process.cancel(_id(BookingId, booking_id, "BOOKING"), reason)
        if answer.status in ("not_found", "rejected"):
            answers.not_found("booking", booking_id)
        if answer.status != "cancelled":
            answers.refused(
                f"BookingIs{answer.status.title()}",
                f"{booking_id} is {answer.status} and cannot be cancelled",
                **answers.plain(answer),
            )
        answers.show(answer, f"{booking_id} is cancelled: {answer.reason}", as_json=as_json)

    answers.run(command(), as_json=as_json)


@app.command("show")
def show_booking(booking_id: str, as_json: Json = False) -> None:
    """A booking as it is now, from its own events."""

    async def command() -> None:
        stream = StreamId(booking_stream(_id(BookingId, booking_id, "BOOKING")))
        async with box_office(Settings()) as parts:
            booking = await parts.bookings.read(stream)
        if booking is None:
            answers.not_found("booking", booking_id)
        fields = TypeAdapter(type(booking)).dump_python(booking, mode="json", exclude_none=True)
        text = "\n".join(
            f"{name:12} {value}"
            for name, value in (
                ("booking", booking_id),
                ("status", booking.status),
                ("client", booking.client_id),
                ("concert", booking.concert_id),
                ("seats", ", ".join(map(str, booking.seats))),
                ("total", booking.total),
                ("expires at", booking.expires_at),
                ("payment", booking.payment_id),
                ("reason", booking.reason),
            )
            if value is not None
        )
        answers.show({"booking_id": booking_id, **fields}, text, as_json=as_json)

    answers.run(command(), as_json=as_json)


@app.command()
def history(booking_id: str, as_json: Json = False) -> None:
    """Every event of a booking."""

    async def command() -> None:
        stream = StreamId(booking_stream(_id(BookingId, booking_id, "BOOKING")))
        async with box_office(Settings()) as parts:
            events = await parts.store.read_stream(stream)
        if not events:
            answers.not_found("booking", booking_id)
        rows: list[dict[str, Any]] = [
            {
                "version": each.version,
                "recorded_at": each.recorded_at.isoformat(),
                "type": each.type,
                "data": json.loads(each.data),
            }
            for each in events
        ]
        text = "\n".join(
            f"{r['version']:3} {r['recorded_at']} {r['type']} {r['data']}" for r in rows
        )
        answers.show(rows, text, as_json=as_json)

    answers.run(command(), as_json=as_json)


@app.command("list")
def list_bookings(
    client_id: Annotated[str | None, typer.Option("--client")] = None,
    concert_id: Annotated[str | None, typer.Option("--concert")] = None,
    status: Annotated[str | None, typer.Option()] = None,
    as_json: Json = False,
) -> None:
    """The newest bookings of a client, or of a concert."""

    async def command() -> None:
        if (client_id is None) == (concert_id is None):
            answers.bad_input("--client, --concert", "give exactly one of the two")
        wanted = TypeAdapter(BookingStatus | None).validate_python(status)
        async with box_office(Settings()) as parts:
            if client_id is not None:
                rows = await parts.views.by_client(_id(ClientId, client_id, "--client"), limit=PAGE)
            else:
                rows = await parts.views.by_concert(
                    _id(ConcertId, concert_id, "--concert"), wanted, limit=PAGE
                )
        text = "\n".join(
            f"{row.booking_id:38} {row.status:22} {', '.join(map(str, row.seats))}" for row in rows
        )
        answers.show(rows, text or "no bookings", as_json=as_json)

    answers.run(command(), as_json=as_json)


async def _process() -> OrchestratedBookingProcess:
    settings = Settings()
    return OrchestratedBookingProcess(
        await connect_temporal(), settings.task_queue, patience=settings.client_patience
    )


def _concerts(file: Path) -> tuple[Concert, ...]:
    try:
        return concerts_in(file)
    except OSError as error:
        answers.bad_input("FILE", f"{file} cannot be read: {error.strerror}")


def _seat(text: str) -> Seat:
    try:
        return Seat.parse(text)
    except ValueError as error:
        answers.bad_input("--seat", str(error))


def _id(kind: Any, text: str | None, option: str) -> Any:
    try:
        return TypeAdapter(kind).validate_python(text)
    except ValueError:
        answers.bad_input(option, f"{text!r} is not an id: 1 to 64 of A-Z a-z 0-9 _ -")


def _fact(rejection: Any) -> str:
    data = ", ".join(
        f"{name} {value}" for name, value in answers.plain(rejection).items() if name != "type"
    )
    return f"{rejection.type} ({data})" if data else rejection.type


def main() -> None:
    """The `box-office` command."""
    app()


if __name__ == "__main__":
    main()
