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


async def put_on_sale(parts: BoxOffice, file: Path = EXAMPLES) -> None:
    """Put the concerts of a file on sale, unless something is."""
    if not await parts.reservations.concerts():
        for concert in _concerts(file):
            await parts.reservations.add_concert(concert)


def _concerts(file: Path) -> list[Concert]:
    return TypeAdapter(list[Concert]).validate_json(file.read_bytes())
