"""A step that dies at any call of a service, and is delivered again, ends as if it had lived."""

from collections.abc import Awaitable, Callable

import pytest

from choreography.refund import make_refund
from choreography.seat_release import release_seats
from tests.support import controls
from tests.unit.choreography.office import BENS, Death, Office, die, open_office
from ticketing.ids import FIRST_ATTEMPT
from ticketing.policies import UNKNOWN_BOOKING_PATIENCE

Scene = Callable[[Office], Awaitable[Callable[[], Awaitable[None]]]]  # prepares; the step


async def confirm(office: Office) -> Callable[[], Awaitable[None]]:
    await office.place()
    return lambda: office.confirm(controls.PLACED)


async def deny(office: Office) -> Callable[[], Awaitable[None]]:
    await office.confirmed(booking_id=BENS)
    return await confirm(office)


async def give_up(office: Office) -> Callable[[], Awaitable[None]]:
    step = await confirm(office)
    await office.reservations.reserve(
        controls.BOOKING_ID, FIRST_ATTEMPT, controls.MOONLIGHT, controls.SEATS
    )
    await office.ask(controls.CANCEL)
    return step


async def release(office: Office) -> Callable[[], Awaitable[None]]:
    await office.confirmed()
    await office.ask(controls.CANCEL)
    return lambda: release_seats(controls.BOOKING_ID, controls.CANCELLED, office.services())


async def pay(office: Office) -> Callable[[], Awaitable[None]]:
    await office.confirmed()
    await office.receive()
    return office.use


async def reinstate(office: Office) -> Callable[[], Awaitable[None]]:
    await office.expired()
    await office.receive()
    return office.use


async def find_no_seat(office: Office) -> Callable[[], Awaitable[None]]:
    await office.expired()
    await office.confirmed(booking_id=BENS)
    await office.receive()
    return office.use


async def give_back(office: Office) -> Callable[[], Awaitable[None]]:
    await office.receive()
    await office.use(waited=UNKNOWN_BOOKING_PATIENCE)
    return lambda: make_refund(controls.PAYMENT_ID, office.services())


async def ended(scene: Scene) -> object:
    office = await open_office()
    await (await scene(office))()
    return await office.everything()


async def deaths(scene: Scene, *, after: bool) -> int:
    """Let the step die at each of its calls in turn, and repeat it; the number of deaths."""
    undisturbed, died = await ended(scene), 0
    while True:
        office = await open_office()
        step = await scene(office)
        office.life.at(died, **{"after" if after else "before": die})
        try:
            await step()
        except Death:
            died += 1
        else:
            return died
        await step()
        assert await office.everything() == undisturbed


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("scene", "calls"),
    [
        (confirm, 2),
        (deny, 2),
        (give_up, 2),
        (release, 1),
        (pay, 3),
        (reinstate, 5),
        (find_no_seat, 4),
        (give_back, 2),
    ],
)
async def test_fault_1_a_death_before_or_after_any_effect_changes_nothing(
    scene: Scene, calls: int, *, after: bool
) -> None:
    assert await deaths(scene, after=after) == calls


async def test_a_step_that_is_not_delivered_again_stays_undone() -> None:
    office = await open_office()
    step = await confirm(office)
    office.life.at(1, before=die)
    with pytest.raises(Death):
        await step()
    assert await office.everything() != await ended(confirm)
