"""The client of the sandbox's payment provider (docs/sandbox-provider.md)."""

from datetime import timedelta
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from eventstore.errors import TransientError
from ticketing.ids import PaymentId
from ticketing.payment_provider.api import (
    CaptureRefused,
    CaptureRequest,
    Ledger,
    ProviderError,
    ProviderPayment,
)
from ticketing.value import ShortText

TIMEOUT = timedelta(seconds=5)  # an answer takes milliseconds, and every caller waits longer
NOT_NOW = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})

T = TypeVar("T")


class _Refund(BaseModel):
    refund_ref: ShortText


class _Entry(BaseModel):
    """A payment of the ledger, of which only the id is certain."""

    model_config = ConfigDict(extra="allow")

    payment_id: str


class _Problem(BaseModel):
    error: str


class _Refusal(BaseModel):
    reason: str


class SandboxProvider:
    """A `PaymentProvider` over HTTP; the caller opens and closes the session."""

    def __init__(self, url: str, session: ClientSession, timeout: timedelta = TIMEOUT) -> None:
        self._payments = f"{url.rstrip('/')}/v1/payments"
        self._session = session
        self._timeout = ClientTimeout(total=timeout.total_seconds())

    async def capture(self, request: CaptureRequest) -> ProviderPayment | CaptureRefused:
        about = request.payment_id
        body = request.model_dump(mode="json")
        status, answer = await self._ask("POST", self._payments, about, key=about, json=body)
        match status:
            case HTTPStatus.CREATED:
                return _parse(ProviderPayment, answer, about)
            case HTTPStatus.PAYMENT_REQUIRED:
                return CaptureRefused(reason=_parse(_Refusal, answer, about).reason)
            case _:
                raise _our_fault(status, answer, about)

    async def refund(self, payment_id: PaymentId) -> str:
        url = f"{self._payments}/{payment_id}/refunds"
        status, answer = await self._ask("POST", url, payment_id, key=payment_id)
        match status, _error(answer):
            case (HTTPStatus.CREATED, _) | (HTTPStatus.CONFLICT, "already_refunded"):
                return _parse(_Refund, answer, payment_id).refund_ref
            case HTTPStatus.PAYMENT_REQUIRED, _:
                raise TransientError(f"sandbox: refused for now to refund payment {payment_id}")
            case _:
                raise _our_fault(status, answer, payment_id)

    async def look_up(self, payment_id: PaymentId) -> ProviderPayment | None:
        status, answer = await self._ask("GET", f"{self._payments}/{payment_id}", payment_id)
        match status, _error(answer):
            case HTTPStatus.OK, _:
                return _parse(ProviderPayment, answer, payment_id)
            case HTTPStatus.NOT_FOUND, "unknown_payment":
                return None
            case _:
                raise _our_fault(status, answer, payment_id)

    async def ledger(self) -> Ledger:
        payments: list[ProviderPayment] = []
        unreadable: list[str] = []
        url = self._payments
        while page := await self._page(url):
            for entry in page:
                try:
                    payments.append(ProviderPayment.model_validate_json(entry.model_dump_json()))
                except ValidationError as error:
                    unreadable.append(f"{entry.payment_id!r}: {_wrong(error)}")
            url = f"{self._payments}?after={quote(page[-1].payment_id, safe='')}"
        return Ledger(payments=tuple(payments), unreadable=tuple(unreadable))

    async def _page(self, url: str) -> tuple[_Entry, ...]:
        status, answer = await self._ask("GET", url, "ledger")
        if status != HTTPStatus.OK:
            raise _our_fault(status, answer, "ledger")
        return _parse(tuple[_Entry, ...], answer, "ledger")

    async def _ask(
        self,
        method: str,
        url: str,
        about: str,
        *,
        key: str | None = None,
        json: dict[str, object] | None = None,
    ) -> tuple[int, bytes]:
        """Send a request and return the status and body of the answer.

        Raises:
            TransientError: the provider did not answer, or answered that it cannot for now.
        """
        headers = {} if key is None else {"Idempotency-Key": key}
        try:
            async with self._session.request(
                method, url, headers=headers, json=json, timeout=self._timeout
            ) as response:
                status, answer = response.status, await response.read()
        except (ClientError, TimeoutError) as error:
            raise _unknown(about, type(error).__name__) from error
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in NOT_NOW:
            raise _unknown(about, f"status {status}")
        return status, answer


def _parse(kind: type[T], answer: bytes, about: str) -> T:
    try:
        return TypeAdapter(kind).validate_json(answer)
    except ValidationError as error:
        raise _unknown(about, "it cannot be read") from error


def _wrong(error: ValidationError) -> str:
    """Return which field is wrong and why; what is in it is left out."""
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _error(answer: bytes) -> str | None:
    """Return the provider's name for the error, None if it gave none."""
    try:
        return _Problem.model_validate_json(answer).error
    except ValidationError:
        return None


def _unknown(about: str, reason: str) -> TransientError:
    return TransientError(f"sandbox: no answer about {about}: {reason}")


def _our_fault(status: int, answer: bytes, about: str) -> ProviderError:
    return ProviderError(f"sandbox: {about}: status {status}, {_error(answer)}")
