"""The two kinds of trouble, and the log's own.

A refusal is neither: it is a value (see `ticketing.decider.Rejection`).
"""


class TransientError(Exception):
    """Not now: the same call may succeed later, so the caller should try again."""


class DefectError(Exception):
    """Never: a bug or corrupted data. Not retried, not swallowed, shown to a person."""


class CommandIdReusedError(DefectError):
    """A command id came back with another command's content."""


class UnknownEventError(DefectError):
    """A stored event has a type, a schema version or content that this code cannot read."""


class GapError(DefectError):
    """A slice's positions have a hole: the log is damaged, or an append bypassed `es.append`."""


class Fenced(Exception):
    """Another member owns the slice now; this one must stop without a trace."""
