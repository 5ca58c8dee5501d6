"""What a codec reads, and what it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import ActivitySerializationContext, WorkflowSerializationContext
from temporalio.exceptions import ApplicationError

from tests.unit.encryption.keys import NEW, OLD, codec
from workflows.encryption import (
    ENCODING,
    KEY_ID,
    WORKFLOW_ID,
    PayloadRefusedError,
    UnknownKeyError,
    data_converter,
)

CLEAR = Payload(metadata={"encoding": b"json/plain"}, data=b'"Ada sits on 3-14"')
BOOKING = "booking-ada-1"
OURS = codec(OLD, workflow_id=BOOKING)


async def sealed(payload: Payload = CLEAR, workflow_id: str | None = BOOKING) -> Payload:
    [encoded] = await codec(OLD, workflow_id=workflow_id).encode([payload])
    return encoded


@given(
    metadata=st.dictionaries(st.text(), st.binary()),
    data=st.binary(),
    workflow_id=st.none() | st.text(min_size=1),
)
async def test_every_payload_comes_back_as_it_was(
    metadata: dict[str, bytes], data: bytes, workflow_id: str | None
) -> None:
    payload = Payload(metadata=metadata, data=data)
    encoded = await sealed(payload, workflow_id)
    assert codec(OLD, workflow_id=workflow_id).opened(encoded) == payload


async def test_nothing_of_a_payload_is_in_clear_and_no_two_look_the_same() -> None:
    first, second = await sealed(), await sealed()
    assert b"Ada" not in first.SerializeToString()
    assert b"json/plain" not in first.SerializeToString()
    assert first.data != second.data
    assert dict(first.metadata) == {
        "encoding": ENCODING,
        KEY_ID: b"old",
        WORKFLOW_ID: BOOKING.encode(),
    }


async def test_a_key_that_is_not_here_may_come() -> None:
    with pytest.raises(UnknownKeyError, match="'old', which is missing"):
        await codec(NEW).decode([await sealed()])


@given(at=st.integers(min_value=0), bit=st.integers(0, 7))
async def test_a_changed_bit_is_refused(at: int, bit: int) -> None:
    encoded = await sealed()
    data = bytearray(encoded.data)
    data[at % len(data)] ^= 1 << bit
    encoded.data = bytes(data)
    with pytest.raises(PayloadRefusedError, match="tampered"):
        OURS.opened(encoded)


@given(length=st.integers(min_value=0))
async def test_a_truncated_payload_is_refused(length: int) -> None:
    encoded = await sealed()
    encoded.data = encoded.data[: length % len(encoded.data)]
    with pytest.raises(PayloadRefusedError, match="truncated"):
        OURS.opened(encoded)


async def test_the_payload_of_another_workflow_is_refused() -> None:
    encoded = await sealed(workflow_id="booking-eve-1")
    with pytest.raises(PayloadRefusedError, match="it is of booking-eve-1"):
        OURS.opened(encoded)


@pytest.mark.parametrize("claim", [BOOKING.encode(), b"", b"\xff"])
async def test_whose_a_payload_is_cannot_be_rewritten(claim: bytes) -> None:
    encoded = await sealed(workflow_id="booking-eve-1")
    encoded.metadata[WORKFLOW_ID] = claim
    with pytest.raises(PayloadRefusedError):
        OURS.opened(encoded)


async def test_a_key_id_cannot_be_rewritten() -> None:
    encoded = await sealed()
    encoded.metadata[KEY_ID] = b"new"
    with pytest.raises(PayloadRefusedError, match="tampered"):
        codec(NEW, OLD).opened(encoded)


async def test_who_is_told_no_workflow_reads_any_and_is_read_by_none() -> None:
    codec_server = codec(OLD)
    assert codec_server.opened(await sealed()) == CLEAR
    with pytest.raises(PayloadRefusedError, match="it is of no workflow"):
        OURS.opened(await sealed(workflow_id=None))


async def test_a_workflow_and_its_activities_read_each_other() -> None:
    in_workflow = codec(OLD).with_context(
        WorkflowSerializationContext(namespace="default", workflow_id=BOOKING)
    )
    in_activity = codec(OLD).with_context(
        ActivitySerializationContext(
            namespace="default",
            activity_id="1",
            activity_type="place_booking",
            activity_task_queue="ticketing",
            workflow_id=BOOKING,
            workflow_type="BookingWorkflow",
            is_local=True,
        )
    )
    [encoded] = await in_activity.encode([CLEAR])
    assert encoded.metadata[WORKFLOW_ID] == BOOKING.encode()
    assert in_workflow.opened(encoded) == CLEAR


async def test_plaintext_is_refused_unless_the_ring_holds_it() -> None:
    with pytest.raises(PayloadRefusedError, match="it is not encrypted"):
        codec(NEW).opened(CLEAR)
    assert codec(NEW, "plaintext").opened(CLEAR) == CLEAR


async def test_a_refused_payload_stops_none_of_the_others() -> None:
    swapped = await sealed(workflow_id="booking-eve-1")
    marked, *others = await OURS.decode([swapped, await sealed()])
    assert others == [CLEAR]
    assert marked == Payload(metadata={"encoding": b"refused: it is of booking-eve-1"})
    with pytest.raises(KeyError, match="refused: it is of booking-eve-1"):
        data_converter().payload_converter.from_payload(marked)


async def test_a_failure_is_encrypted_with_its_message_its_cause_and_where_it_came_from() -> None:
    converter = data_converter([SecretStr(OLD)])
    failure = Failure()
    try:
        raise ApplicationError("Ada is gone", "so is Bob", type="Gone") from ValueError("Eve")
    except ApplicationError as error:
        await converter.encode_failure(error, failure)
    stored = failure.SerializeToString()
    assert not [word for word in (b"Ada", b"Bob", b"Eve", b"test_codec") if word in stored]
    assert b"Gone" in stored  # the type is a name in our code
    read = await converter.decode_failure(failure)
    assert isinstance(read, ApplicationError)
    told = (read.message, read.details, str(read.cause))
    assert told == ("Ada is gone", ("so is Bob",), "ValueError: Eve")


async def test_without_a_key_payloads_and_failures_stay_readable() -> None:
    converter, failure = data_converter(), Failure()
    await converter.encode_failure(ApplicationError("seats are taken"), failure)
    assert failure.message == "seats are taken"
    assert (await converter.encode(["as it is"]))[0].data == b'"as it is"'
