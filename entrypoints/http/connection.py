"""A connection to an HTTP server of ours: whoever is slow or silent loses it.

uvicorn bounds the pause between two requests only: neither the time in which a request arrives and
its answer is read, nor the number of connections.
"""

import asyncio
import resource
from datetime import timedelta
from heapq import nsmallest

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_TIMEOUT = timedelta(seconds=10)  # idle, or in the head of a request; it takes one packet
# From the head of a request until its answer is read. The slowest route of ours reads the body for
# 10 s, and waits for the database as long.
ANSWER_TIMEOUT = timedelta(seconds=30)
HEAD_BYTES_MAX = 16 * 1024  # a request of the provider has 300
CONNECTIONS_MAX = 500  # a provider keeps a dozen, a prober one
ENDED_OF = 20  # of so many connections one is ended, when there are too many
FILES_OF_OURS = 64  # open beside the connections: twenty of the database, logs, libraries


class BoundedProtocol(H11Protocol):
    """Ends its connection in time. A new connection ends the slowest one if there are too many."""

    _deadline: asyncio.TimerHandle
    _owing_since: float  # the loop's time
    _asked = False  # the head of a request is there, and its answer is not complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._deadline = self._ending_within(REQUEST_TIMEOUT)
        self._owing_since = self.loop.time()
        if len(self.connections) > connections_max():
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        request = self.cycle
        super().handle_events()
        if self.cycle is not request:
            self._asked = True
            self._end_within(ANSWER_TIMEOUT)

    def on_response_complete(self) -> None:
        self._asked = False
        self._owing_since = self.loop.time()
        self._end_within(REQUEST_TIMEOUT)
        super().on_response_complete()  # and begins with the next request, if it is there

    def owes_a_request(self) -> bool:
        """Return whether the request, or its body, is not complete."""
        return not self.transport.is_closing() and (not self._asked or self.cycle.more_body)

    def _make_room(self) -> None:
        """End the connections that have owed a request for the longest time; this one owes one."""
        connections = (other for other in self.connections if isinstance(other, BoundedProtocol))
        owing = (other for other in connections if other.owes_a_request())
        number = max(1, len(self.connections) // ENDED_OF)  # so that few newcomers pay for a search
        for slow in nsmallest(number, owing, key=lambda other: other._owing_since):
            slow.transport.abort()

    def _end_within(self, timeout: timedelta) -> None:
        self._deadline.cancel()
        self._deadline = self._ending_within(timeout)

    def _ending_within(self, timeout: timedelta) -> asyncio.TimerHandle:
        """End the connection then; `close` would wait until a client has read what is written."""
        return self.loop.call_later(timeout.total_seconds(), self.transport.abort)


def connections_max() -> int:
    """Return how many connections the server has at a time, so that it can always accept one."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return CONNECTIONS_MAX
    return max(1, min(CONNECTIONS_MAX, files - FILES_OF_OURS))


def raise_file_limit() -> None:
    """Raise the number of files that this process may open to what the connections need."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = CONNECTIONS_MAX + FILES_OF_OURS
    if files != resource.RLIM_INFINITY and files < needed:
        allowed = needed if most == resource.RLIM_INFINITY else min(needed, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, allowed), most))
