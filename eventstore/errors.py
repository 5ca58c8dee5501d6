"""The two kinds of error, and those of the log.

A refusal is neither of them: it is a value (see `ticketing.decider.Rejection`).
"""


class TransientError(Exception):
    """The call failed for now: the same call may succeed later, so the caller tries again."""


class DefectError(Exception):
    """A bug, or corrupted data: it is neither retried nor swallowed, but shown to a person."""


class CommandIdReusedError(DefectError):
    """A command id came back with another command's content."""


class UnknownEventError(DefectError):
    """A stored event has a type, a schema version or content that this code cannot read."""


class GapError(DefectError):
    """A slice's positions have a hole: the log is damaged, or an append bypassed `es.append`."""


class Fenced(Exception):
    """Another member owns the slice now; this one must stop without a trace."""
