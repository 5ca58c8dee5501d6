"""What a connection to the database raises, although neither the caller nor the data is wrong."""

import asyncpg

CONNECTION_FAULTS = (
    OSError,  # TimeoutError, too
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server hung up just as the driver began the next request
    asyncpg.TransactionRollbackError,  # a deadlock, for example
    asyncpg.OperatorInterventionError,  # the server stops or starts
    asyncpg.InsufficientResourcesError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # no connections accepted, or a lock not available
    asyncpg.ReadOnlySQLTransactionError,  # a standby before it is promoted
    asyncpg.IdleInTransactionSessionTimeoutError,
)


def is_connection_fault(error: BaseException) -> bool:
    """Return whether the same request may succeed on another connection or at another time."""
    # The driver derives DataError, a wrong argument, from InterfaceError as well.
    return isinstance(error, CONNECTION_FAULTS) and not isinstance(error, asyncpg.DataError)
