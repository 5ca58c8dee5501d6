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


async def put_examples_on_sale(parts: BoxOffice) -> bool:
    """Put the example concerts on sale, unless something is; return whether it did."""
    if await parts.reservations.concerts():
        return False
    for concert in TypeAdapter(tuple[Concert, ...]).validate_json(EXAMPLES.read_bytes()):
        await parts.reservations.add_concert(concert)
    return True
