"""The smallest honest client: places one booking, prints the decision, and can pay for it.

python starter.py --concert concertA --client ann --seat 3-14 [--seat 3-15] [--pay]
"""

import argparse
import asyncio
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.envconfig import ClientConfig

from entrypoints.settings import Settings
from ticketing.booking.commands import PlaceBooking
from ticketing.ids import BookingId, PaymentId
from ticketing.payment.commands import ReceivePayment
from ticketing.process import new_id
from ticketing.seats import Seat
from workflows.client import OrchestratedBookingProcess
from workflows.encryption import data_converter

PATIENCE = timedelta(seconds=30)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--concert", required=True)
    parser.add_argument("--client", required=True)
    parser.add_argument("--seat", required=True, action="append", type=Seat.parse)
    parser.add_argument("--id", default=new_id(), help="the same id again: the same booking")
    parser.add_argument("--task-queue", default="ticketing")
    parser.add_argument("--pay", action="store_true", help="pay the total if confirmed")
    args = parser.parse_args()

    connect = ClientConfig.load_client_connect_config()
    connect.setdefault("target_host", "localhost:7233")
    converter = data_converter(Settings().payload_keys)
    client = await Client.connect(**connect, data_converter=converter)
    process = OrchestratedBookingProcess(client, args.task_queue, patience=PATIENCE)

    request = PlaceBooking(
        booking_id=args.id, client_id=args.client, concert_id=args.concert, seats=tuple(args.seat)
    )
    decision = await process.place(request)
    print(decision.model_dump_json(indent=2, exclude_defaults=True))
    if args.pay and decision.status == "confirmed" and decision.total:
        payment = ReceivePayment(
            payment_id=PaymentId(new_id()),
            booking_id=BookingId(request.booking_id),
            payer=request.client_id,
            amount=decision.total,
            provider="starter",
            provider_ref="cash",
            captured_at=datetime.now(UTC),
        )
        outcome = await process.pay(payment)
        print(outcome.model_dump_json(indent=2, exclude_defaults=True))
    await asyncio.sleep(0.5)  # the SDK's threads go idle before Python exits (sdk-python#300)


if __name__ == "__main__":
    asyncio.run(main())
