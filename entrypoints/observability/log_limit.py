"""A flood of log lines of one kind is cut short: it fills no disk, and hides no other line."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

import structlog

PER_SECOND = 20  # a person reads no more; the first lines say what the others would
WORK_PER_SECOND = 500  # of level info: each stands for work that was done, such as a notice stored
KIND_CHARACTERS = 100  # of a library's message, which is its kind


class LogLimit:
    """Passes so many lines of a kind in a second, and says a second later how many it dropped."""

    def __init__(
        self,
        tell: Callable[[dict[str, int]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start; `tell` logs how many lines of each kind were dropped. `clock` is in seconds."""
        self._tell = tell
        self._clock = clock
        self._passed: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._until = 0.0
        self._lock = threading.Lock()  # libraries log in threads of their own

    def passes(self, kind: str, limit: int = PER_SECOND) -> bool:
        """Return whether a line of this kind is to be written now."""
        now = self._clock()
        with self._lock:
            if now >= self._until:
                self._passed.clear()
                self._until = now + 1
            self._passed[kind] += 1
            if self._passed[kind] <= limit:
                return True
            if not self._dropped:
                timer = threading.Timer(1, self._tell_dropped)
                timer.daemon = True
                timer.start()
            self._dropped[kind] += 1
            return False

    def line(
        self, _: object, level: str, line: structlog.types.EventDict
    ) -> structlog.types.EventDict:
        """Drop a line of ours, or let it pass; its kind is its event."""
        limit = WORK_PER_SECOND if level in ("debug", "info") else PER_SECOND
        if not self.passes(str(line.get("event")), limit):
            raise structlog.DropEvent
        return line

    def record(self, record: logging.LogRecord) -> bool:
        """Return whether a line of a library passes; its kind is its message without values."""
        return self.passes(f"{record.name}: {record.msg}"[:KIND_CHARACTERS])

    def _tell_dropped(self) -> None:
        with self._lock:
            dropped = dict(self._dropped)
            self._dropped.clear()
        self._tell(dropped)
