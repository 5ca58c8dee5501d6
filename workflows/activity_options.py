"""Every timeout and retry policy, each number with its reason."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy


class LocalOptions(TypedDict):
    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy


class Options(TypedDict):
    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy


# A command is two statements on one connection: milliseconds. 5 s is a database in trouble, and
# stays below the 8 s after which a workflow task with local activities must heartbeat.
ENTITY_COMMAND: LocalOptions = {
    "start_to_close_timeout": timedelta(seconds=5),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=30)
    ),
}

# Another company's service could be slow; we wait 10 s for it, then ask again.
RESERVATION: Options = {
    "start_to_close_timeout": timedelta(seconds=10),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=30)
    ),
}

# Until the money is back, whatever it takes: after a day of trouble, once an hour is enough.
REFUND: Options = {
    "start_to_close_timeout": timedelta(seconds=10),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(seconds=1), maximum_interval=timedelta(hours=1)
    ),
}

# At most once: one attempt, and the process goes on whatever came of it.
NOTIFICATION: LocalOptions = {
    "start_to_close_timeout": timedelta(seconds=3),
    "retry_policy": RetryPolicy(maximum_attempts=1),
}
