"""The planned faults. The ledger keeps them, so they survive a restart."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Literal, Self

from pydantic import Field, model_validator

from sandbox.database import transaction
from sandbox.messages import Id, Message

SECONDS_MAX = 3600.0  # longer than any test waits
OF_REQUESTS = ("timeout_before_effect", "timeout_after_effect", "refuse", "slow")
OF_NOTICES = ("duplicate", "reorder", "late", "lost")

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


class Fault(Message):
    """A fault of a request, or of the notice about a later effect."""

    operation: Literal["capture", "refund", "look_up", "notice"]
    fault: str
    payment_id: Id | None = None  # any
    times: int | None = Field(default=1, ge=1)  # None means always
    # How late a notice is, or how long a request hangs before it continues or is cut.
    seconds: float = Field(default=0, ge=0, le=SECONDS_MAX)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        allowed = OF_NOTICES if self.operation == "notice" else OF_REQUESTS
        if self.fault not in allowed:
            raise ValueError(f"{self.fault!r} is none of {', '.join(allowed)}")
        if self.fault == "late" and not self.seconds:
            raise ValueError("late by how many seconds?")
        return self


def replace_plan(database: Connection, faults: Sequence[Fault]) -> None:
    with transaction(database):
        database.execute(REMOVE_ALL)
        database.executemany(ADD, [fault.model_dump() for fault in faults])


def planned(database: Connection) -> list[Fault]:
    """Return the faults that are still planned."""
    return [Fault.model_validate(dict(row)) for row in database.execute(ALL)]


def take(database: Connection, operation: str, payment_id: str | None) -> Fault | None:
    """Take the next fault of a request or a notice from the plan, in the caller's transaction."""
    found = database.execute(NEXT, {"operation": operation, "payment_id": payment_id}).fetchone()
    if found is None:
        return None
    row = dict(found)
    used = {"position": row.pop("position")}
    database.execute(COUNT_DOWN, used)
    database.execute(REMOVE_USED, used)
    return Fault.model_validate(row)
