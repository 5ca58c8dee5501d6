"""The example concerts."""

from pathlib import Path

from pydantic import TypeAdapter

from entrypoints.wiring import BoxOffice
from ticketing.ids import ConcertId
from ticketing.reservations.api import Concert

EXAMPLES = Path(__file__).with_name("concerts.json")
CONCERT = ConcertId("concertA")
QUICK = ConcertId("concertQuick")  # a hold of seconds
FREE = ConcertId("concertFree")


async def put_examples_on_sale(parts: BoxOffice) -> None:
    """Put the example concerts on sale, unless something is."""
    if not await parts.reservations.concerts():
        for concert in TypeAdapter(list[Concert]).validate_json(EXAMPLES.read_bytes()):
            await parts.reservations.add_concert(concert)
