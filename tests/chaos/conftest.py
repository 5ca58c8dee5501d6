"""The choreography as three processes over the test's database, watched by its own triggers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from choreography.client import ChoreographedBookingProcess
from entrypoints.devstack.children import claim
from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, box_office
from eventstore.memory import MemoryDoorbell
from tests.chaos.arena import PATIENCE, a_seed
from tests.chaos.clients import Clients
from tests.chaos.crew import Crew, crew_of, program
from tests.chaos.ownership import NOTE_MOVES

MEMBERS = ("one", "two", "three")


@pytest.fixture
def seed() -> int:
    return a_seed()


@pytest.fixture
def settings(database: str) -> Settings:
    return Settings(database_url=database, process="choreographed", expiration_poll_seconds=1)


@pytest.fixture
async def parts(settings: Settings) -> AsyncIterator[BoxOffice]:
    async with box_office(settings) as parts:
        await parts.pool.execute(NOTE_MOVES)
        yield parts


@dataclass(frozen=True, slots=True)
class Troupe:
    """Members of the choreography, each a process, and the clients in front of them."""

    parts: BoxOffice
    crew: Crew
    clients: Clients


@pytest.fixture
async def troupe(parts: BoxOffice, settings: Settings, tmp_path: Path) -> AsyncIterator[Troupe]:
    """Nobody works yet."""
    # Hundreds of clients that wake at every event would be the load, so these ones only look.
    process = ChoreographedBookingProcess(
        parts.bookings, parts.payments, MemoryDoorbell(), patience=PATIENCE
    )
    async with claim(tmp_path / "crew") as home:
        member = program(home, settings, "-m", "entrypoints.cli", "consumers")
        async with crew_of(dict.fromkeys(MEMBERS, member)) as crew:
            yield Troupe(parts, crew, Clients(process, parts.provider, parts.bookings))
