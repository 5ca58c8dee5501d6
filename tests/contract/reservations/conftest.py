from datetime import UTC, datetime
from typing import cast

import asyncpg
import pytest

from ticketing.reservations.memory import MemoryReservations
from ticketing.reservations.postgres import PostgresReservations

Reservations = MemoryReservations | PostgresReservations


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def reservations(request: pytest.FixtureRequest) -> Reservations:
    if request.param == "memory":
        return MemoryReservations(lambda: datetime.now(UTC))
    return PostgresReservations(cast(asyncpg.Pool, request.getfixturevalue("pool")))
