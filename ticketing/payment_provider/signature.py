"""Signatures prove that the provider sent a notice, and when: an HMAC of the time and body.

`Provider-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>.<body>")>`, as Stripe does it
(https://docs.stripe.com/webhooks#verify-manually). Several `v1` and several secrets may be in use,
so that a secret can be changed without losing a notice.
"""

import hmac
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NewType

VerifiedBody = NewType("VerifiedBody", bytes)  # only `verify` returns one

SignatureRefusal = Literal[
    "signature_missing",
    "signature_malformed",
    "signature_wrong",
    "signature_too_old",
    "signature_from_the_future",
]

# Clocks differ and requests wait; an older request may be a replay.
TOLERANCE = timedelta(minutes=5)
HEADER_LENGTH_MAX = 1024  # room for a dozen signatures; a change of secrets needs two
_TIME = re.compile(r"[0-9]{1,12}")


def verify(
    header: str | None,
    body: bytes,
    secrets: Sequence[bytes],
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> VerifiedBody | SignatureRefusal:
    """Return the body if one of the secrets signed it within `tolerance` of now, else the refusal.

    Only a sender who knows a secret learns that a signature is too old, and the time of the
    comparison reveals nothing about a secret.
    """
    if header is None:
        return "signature_missing"
    parsed = _parse(header)
    if parsed is None:
        return "signature_malformed"
    time, signatures = parsed
    signed = time.encode() + b"." + body
    expected = [hmac.new(secret, signed, "sha256").hexdigest() for secret in secrets]
    # A list, because `any` over a generator would stop at the first match.
    matches = [hmac.compare_digest(ours, given) for ours in expected for given in signatures]
    if not any(matches):
        return "signature_wrong"
    age_seconds = now.timestamp() - int(time)
    if age_seconds > tolerance.total_seconds():
        return "signature_too_old"
    if age_seconds < -tolerance.total_seconds():
        return "signature_from_the_future"
    return VerifiedBody(body)


def _parse(header: str) -> tuple[str, Sequence[str]] | None:
    """Return the signed time and the `v1` signatures; other schemes are ignored."""
    if len(header) > HEADER_LENGTH_MAX or not header.isascii():
        return None
    fields = [field.partition("=") for field in header.split(",")]
    times = [value for key, _, value in fields if key == "t"]
    signatures = [value for key, _, value in fields if key == "v1"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]) or not signatures:
        return None
    return times[0], signatures
