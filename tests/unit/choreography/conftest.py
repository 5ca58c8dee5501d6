import pytest

from tests.unit.choreography.office import Office, open_office


@pytest.fixture
async def office() -> Office:
    return await open_office()
