"""The planned faults. The ledger keeps them, so they survive a restart."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from sandbox.database import transaction
from sandbox.messages import Id, Message

SECONDS_MAX = 3600.0  # longer than any test waits

# :operation, :payment_id, :fault, :times, :seconds
ADD = """
    INSERT INTO faults (operation, payment_id, fault, times, seconds)
    VALUES (:operation, :payment_id, :fault, :times, :seconds)
"""
ALL = "SELECT operation, payment_id, fault, times, seconds FROM faults ORDER BY position"
# :operation, :payment_id
NEXT = """
    SELECT position, operation, payment_id, fault, times, seconds FROM faults
    WHERE operation = :operation AND (payment_id IS NULL OR payment_id = :payment_id)
    ORDER BY position LIMIT 1
"""
# :position. Where it is NULL, one less is NULL too.
COUNT_DOWN = "UPDATE faults SET times = times - 1 WHERE position = :position"
REMOVE_USED = "DELETE FROM faults WHERE position = :position AND times = 0"
REMOVE_ALL = "DELETE FROM faults"


class _Fault(Message):
    payment_id: Id | None = None  # any
    times: int | None = Field(default=1, ge=1)  # None means always
    seconds: float = Field(default=0, ge=0, le=SECONDS_MAX)


class RequestFault(_Fault):
    """A fault of requests; `seconds` is how long a request hangs before it continues or is cut."""

    operation: Literal["capture", "refund", "look_up"]
    fault: Literal["timeout_before_effect", "timeout_after_effect", "refuse", "slow"]


class NoticeFault(_Fault):
    """A fault of the notices about later effects."""

    operation: Literal["notice"]
    fault: Literal["duplicate", "reorder", "late", "lost"]

    @model_validator(mode="after")
    def _late_by_something(self) -> Self:
        if self.fault == "late" and not self.seconds:
            raise ValueError("late by how many seconds?")
        return self


Fault = Annotated[RequestFault | NoticeFault, Field(discriminator="operation")]
FAULT: TypeAdapter[RequestFault | NoticeFault] = TypeAdapter(Fault)


def replace_plan(database: Connection, faults: Sequence[RequestFault | NoticeFault]) -> None:
    with transaction(database):
        database.execute(REMOVE_ALL)
        database.executemany(ADD, [fault.model_dump() for fault in faults])


def planned(database: Connection) -> list[RequestFault | NoticeFault]:
    """Return the faults that are still planned."""
    return [FAULT.validate_python(dict(row)) for row in database.execute(ALL)]


def take_request_fault(
    database: Connection, operation: str, payment_id: str | None
) -> RequestFault | None:
    """Take the next fault of this request from the plan."""
    with transaction(database):
        fault = _take(database, operation, payment_id)
    return fault if isinstance(fault, RequestFault) else None


def take_notice_fault(database: Connection, payment_id: str) -> NoticeFault | None:
    """Take the next fault of this notice from the plan, in the transaction of its effect."""
    fault = _take(database, "notice", payment_id)
    return fault if isinstance(fault, NoticeFault) else None


def _take(
    database: Connection, operation: str, payment_id: str | None
) -> RequestFault | NoticeFault | None:
    found = database.execute(NEXT, {"operation": operation, "payment_id": payment_id}).fetchone()
    if found is None:
        return None
    row = dict(found)
    used = {"position": row.pop("position")}
    database.execute(COUNT_DOWN, used)
    database.execute(REMOVE_USED, used)
    return FAULT.validate_python(row)
