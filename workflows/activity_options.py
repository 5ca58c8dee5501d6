"""Every timeout and retry policy of an activity, with the reason of each number."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy


class Options(TypedDict):
    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy


class LocalOptions(Options, total=False):
    local_retry_threshold: timedelta


# A command takes two statements, so milliseconds. After 5 s the database is in trouble; a workflow
# task with local activities must heartbeat after 8 s.
ENTITY_COMMAND: LocalOptions = {
    "start_to_close_timeout": timedelta(seconds=5),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=30)
    ),
}

# The provider answers in milliseconds, or within its client's 5 s. When it is away, a pause of more
# than a second is a timer of Temporal's and keeps no worker busy.
PROVIDER_QUESTION: LocalOptions = {
    "start_to_close_timeout": timedelta(seconds=7),
    "local_retry_threshold": timedelta(seconds=1),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(milliseconds=200),
        backoff_coefficient=3,
        maximum_interval=timedelta(minutes=10),
    ),
}

# The service may be another company's and slow: wait 10 s for its answer, then retry.
RESERVATION: Options = {
    "start_to_close_timeout": timedelta(seconds=10),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=30)
    ),
}

# Our own service answers in milliseconds: within the workflow task, if it does.
RESERVATION_AT_ONCE: Options = {
    "start_to_close_timeout": timedelta(seconds=1),
    "retry_policy": RetryPolicy(maximum_attempts=1),
}

# A refund is retried until it is made; once an hour is enough after a day of failures.
REFUND: Options = {
    "start_to_close_timeout": timedelta(seconds=10),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(seconds=1), maximum_interval=timedelta(hours=1)
    ),
}

# A notification is sent at most once: one attempt, and then the process continues.
NOTIFICATION: Options = {
    "start_to_close_timeout": timedelta(seconds=3),
    "retry_policy": RetryPolicy(maximum_attempts=1),
}
