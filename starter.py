"""The smallest honest client: places one booking, prints the decision, and can pay for it.

python starter.py --concert concertA --client ann --seat 3-14 [--seat 3-15] [--pay]
"""

import argparse
import asyncio
import sys

from aiohttp import ClientSession

from entrypoints.cli import answers, inputs
from entrypoints.errors import exit_code
from entrypoints.settings import Settings
from entrypoints.temporal import connect_temporal
from ticketing.booking.commands import PlaceBooking
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId
from ticketing.payment_provider.api import CaptureRefused, CaptureRequest
from ticketing.payment_provider.sandbox import SandboxProvider
from ticketing.process import new_id
from workflows.client import OrchestratedBookingProcess


async def main(args: argparse.Namespace) -> None:
    request = PlaceBooking(
        booking_id=inputs.identity(BookingId, args.id, "--id"),
        client_id=inputs.identity(ClientId, args.client, "--client"),
        concert_id=inputs.identity(ConcertId, args.concert, "--concert"),
        seats=inputs.seats(args.seat),
    )
    settings = Settings()
    client = await connect_temporal(settings)
    process = OrchestratedBookingProcess(
        client, args.task_queue or settings.task_queue, patience=settings.client_patience
    )
    decision = await process.place(request)
    answers.show(decision, "", as_json=True)
    if args.pay and decision.status == "confirmed" and decision.total:
        capture = CaptureRequest(
            payment_id=PaymentId(new_id()),
            booking_id=request.booking_id,
            payer=request.client_id,
            amount=decision.total,
        )
        async with ClientSession() as session:
            captured = await SandboxProvider(str(settings.provider_url), session).capture(capture)
        if isinstance(captured, CaptureRefused):
            answers.refused("CaptureRefused", f"the provider refused: {captured.reason}")
        answers.show(await process.pay(captured.report()), "", as_json=True)


async def run(args: argparse.Namespace) -> None:
    try:
        await main(args)
    finally:
        await asyncio.sleep(0.5)  # the SDK's threads go idle before Python exits (sdk-python#300)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--concert", required=True)
    parser.add_argument("--client", required=True, help="who books")
    parser.add_argument(
        "--seat", required=True, action="append", metavar="ROW-NUMBER", help="as 3-14; repeat it"
    )
    parser.add_argument("--id", default=new_id(), help="the same id again: the same booking")
    parser.add_argument("--task-queue", help="BOX_OFFICE_TASK_QUEUE by default")
    parser.add_argument("--pay", action="store_true", help="pay the total if confirmed")
    return parser.parse_args()


if __name__ == "__main__":
    given = arguments()
    sys.exit(exit_code(lambda: asyncio.run(run(given)), as_json=False))
