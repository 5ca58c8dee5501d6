"""What a command cannot read is skipped and named; then the command ends with exit code 6."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError

from entrypoints.cli import answers
from entrypoints.errors import FINDINGS, UNREACHABLE, Failure, failure

REASON_MAX = 200  # characters of a library's message


class Skipped(list[str]):
    """The things that a command could not read, each with the reason."""

    @contextmanager
    def naming(self, what: str) -> Iterator[None]:
        """Run a block that reads one thing; if it cannot, add the thing to the list and go on.

        Raises:
            Exception: a server did not answer.
        """
        try:
            yield
        except Exception as error:
            self.append(f"{what} is skipped: {reason(error)}")

    def show(self, answer: dict[str, Any], *lines: str, as_json: bool) -> None:
        """Print the answer, and end the command with exit code 6 if something was skipped.

        Raises:
            Failure: something was skipped. Its message and its data name all of it.
        """
        if not self:
            answers.show(answer, *lines, as_json=as_json)
            return
        if not as_json:
            answers.show(answer, *lines, as_json=False)
        data = answers.plain({**answer, "skipped": self})
        raise Failure(FINDINGS, "Skipped", *self, "Everything else is done.", **data)


def reason(error: Exception) -> str:
    """Return why something cannot be read, in one line that does not repeat what is in it.

    Raises:
        Exception: the error itself, because a server did not answer: nothing else can be read.
    """
    if failure(error).code == UNREACHABLE:
        raise error
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "it"
        return f"{place}: {first['msg']}"
    line = (str(error) or type(error).__name__).splitlines()[0]
    return line[:REASON_MAX]
