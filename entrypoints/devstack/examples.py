"""The example concerts, and how a file of concerts is read."""

from pathlib import Path

from pydantic import TypeAdapter

from entrypoints.wiring import BoxOffice
from ticketing.ids import ConcertId
from ticketing.reservations.api import Concert

EXAMPLES = Path(__file__).with_name("concerts.json")
CONCERT = ConcertId("concertA")
QUICK = ConcertId("concertQuick")  # a hold of seconds
FREE = ConcertId("concertFree")


def concerts_in(file: Path) -> tuple[Concert, ...]:
    """Read the concerts of a JSON file.

    Raises:
        OSError: the file cannot be read.
        ValidationError: it holds something else.
    """
    return TypeAdapter(tuple[Concert, ...]).validate_json(file.read_bytes())


async def put_examples_on_sale(parts: BoxOffice) -> bool:
    """Put the example concerts on sale, unless something is; whether it did."""
    if await parts.reservations.concerts():
        return False
    for concert in concerts_in(EXAMPLES):
        await parts.reservations.add_concert(concert)
    return True
