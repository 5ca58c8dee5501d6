from uuid import UUID

import pytest

from eventstore import slices
from eventstore.consumer import owner_of

# Stored rows carry these numbers: a change here is a change of every database there is.
GOLDEN = {
    "booking-1": 31,
    "booking-42": 35,
    "payment-42": 74,
    "booking-018f3f6e-7b5a-7c3d-9e2f-123456789abc": 33,
}

MEMBERS = [UUID(int=number) for number in range(1, 5)]
SLICES = [slices.Slice(slice) for slice in slices.slices_of(slices.Category("booking"))]


@pytest.mark.parametrize(("stream", "slice"), GOLDEN.items())
def test_a_stream_never_moves_to_another_slice(stream: str, slice: int) -> None:
    assert slices.slice_of(slices.StreamId(stream)) == slice


def test_a_category_is_the_word_before_the_first_dash() -> None:
    of_payments = slices.slices_of(slices.Category("payment"))
    assert slices.slice_of(slices.StreamId("payment-a-b")) in of_payments


def test_categories_share_no_slice() -> None:
    found = [slice for category in slices.CATEGORY_BASE for slice in slices.slices_of(category)]
    assert len(set(found)) == len(found) == slices.SLICES_PER_CATEGORY * len(slices.CATEGORY_BASE)


def test_streams_spread_over_the_slices_of_their_category() -> None:
    used = {slices.slice_of(slices.StreamId(f"payment-{number}")) for number in range(1_000)}
    assert used == set(slices.slices_of(slices.Category("payment")))


def test_an_unregistered_category_has_no_slices() -> None:
    with pytest.raises(KeyError):
        slices.slice_of(slices.StreamId("concert-1"))


def test_slices_spread_over_the_members() -> None:
    owners = [owner_of(slice, MEMBERS) for slice in SLICES]
    assert min(owners.count(member) for member in MEMBERS) >= 8


def test_a_member_that_goes_moves_only_its_own_slices() -> None:
    *staying, gone = MEMBERS
    for slice in SLICES:
        before = owner_of(slice, MEMBERS)
        if before != gone:
            assert owner_of(slice, staying) == before


def test_all_members_agree_whatever_order_they_see() -> None:
    for slice in SLICES:
        assert owner_of(slice, MEMBERS) == owner_of(slice, MEMBERS[::-1])
