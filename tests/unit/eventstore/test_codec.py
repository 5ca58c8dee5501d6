from datetime import UTC, datetime
from typing import Literal

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict

from eventstore.api import NewEvent
from eventstore.codec import Codec, JsonObject, Upcaster
from eventstore.errors import UnknownEventError
from tests.support.log import stored

NOW = datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class SeatTaken(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    type: Literal["SeatTaken"] = "SeatTaken"
    seats: tuple[str, ...]
    at: AwareDatetime


class SeatGiven(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    type: Literal["SeatGiven"] = "SeatGiven"


SeatEvent = SeatTaken | SeatGiven

TAKEN = SeatTaken(seats=("3-14", "3-15"), at=NOW)


def codec(upcasters: dict[tuple[str, int], Upcaster] | None = None) -> Codec[SeatEvent]:
    return Codec([SeatTaken, SeatGiven], upcasters)


def _into_list(data: JsonObject) -> JsonObject:
    return {"seats": [data["seat"]], "at": data["at"]}


def _into_seat(data: JsonObject) -> JsonObject:
    return {"seat": f"{data['row']}-{data['number']}", "at": data["at"]}


TWO_STEPS: dict[tuple[str, int], Upcaster] = {
    ("SeatTaken", 1): _into_seat,
    ("SeatTaken", 2): _into_list,
}


@pytest.mark.parametrize("event", [TAKEN, SeatGiven()])
def test_an_event_comes_back_equal(event: SeatEvent) -> None:
    assert codec().decode(stored(codec().encode(event))) == event


def test_the_stored_form_is_class_name_version_and_json_without_the_type() -> None:
    data = '{"seats":["3-14","3-15"],"at":"2030-01-02T03:04:05.678901Z"}'
    assert codec().encode(TAKEN) == NewEvent("SeatTaken", 1, data)


def test_upcasters_raise_the_version_that_is_written() -> None:
    assert codec(TWO_STEPS).encode(TAKEN).schema_version == 3
    assert codec(TWO_STEPS).encode(SeatGiven()).schema_version == 1


@pytest.mark.parametrize(
    ("version", "data"),
    [
        (1, '{"row": 3, "number": 14, "at": "2030-01-02T03:04:05.678901Z"}'),
        (2, '{"seat": "3-14", "at": "2030-01-02T03:04:05.678901Z"}'),
        (3, '{"seats": ["3-14"], "at": "2030-01-02T03:04:05.678901Z"}'),
    ],
)
def test_an_old_event_is_brought_up_step_by_step(version: int, data: str) -> None:
    event = codec(TWO_STEPS).decode(stored(NewEvent("SeatTaken", version, data)))
    assert event == SeatTaken(seats=("3-14",), at=NOW)


@pytest.mark.parametrize(
    "event",
    [
        NewEvent("SeatSold", 1, "{}"),
        NewEvent("SeatGiven", 2, "{}"),
        NewEvent("SeatGiven", 0, "{}"),
        NewEvent("SeatGiven", 1, '{"more": 1}'),
        NewEvent("SeatTaken", 1, "{}"),
    ],
)
def test_what_this_code_cannot_read_is_a_defect(event: NewEvent) -> None:
    with pytest.raises(UnknownEventError, match=f"booking-1 version 1: {event.type}"):
        codec().decode(stored(event))


@pytest.mark.parametrize("key", [("SeatSold", 1), ("SeatGiven", 2), ("SeatGiven", 0)])
def test_an_upcaster_that_leads_nowhere_is_refused(key: tuple[str, int]) -> None:
    with pytest.raises(ValueError, match="upcaster"):
        codec({key: _into_list})
