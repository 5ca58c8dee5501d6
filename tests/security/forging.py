"""Requests to the receiver of notices that no provider sends, made of ones that a provider sent.

None of them is both signed by us now and a notice, so none may be accepted, whatever else it is.
"""

import json
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from entrypoints.webhooks.routes import BODY_BYTES_MAX
from tests.integration.webhooks.provider import SECRET, notice, now_seconds, signature

PRINTABLE = string.printable[:94]
DAY, TOLERANCE = 86_400, 300
SPARE = 60  # seconds: how late a request may be sent, and still be too old, or of the future
TIMES = (-10 * DAY, -DAY, -2 * TOLERANCE, 2 * TOLERANCE + SPARE, DAY, 10**9)
LEAVES = ("notice_id", "type", "created_at")
OF_PAYMENT = ("payment_id", "booking_id", "payer", "provider", "provider_ref", "captured_at")
TEXTS: tuple[Any, ...] = ("", "x" * 201, 1, True, None, [], {}, ["n1"], "NUL \0", "half \ud800")
IDS = (*TEXTS, "a/b", "a b", "x" * 65, "ada\n", "é")
INSTANTS: tuple[Any, ...] = (
    "",
    "yesterday",
    "2031-05-01T12:00:00",
    "2031-13-01T00:00:00Z",
    1,
    1e9,
    True,
    None,
    [],
)
NUMBERS = (
    "true",
    '"500"',
    "1e9",
    "500.0",
    "-1",
    str(2**63),
    "9" * 5_000,
    "null",
    "[]",
    "NaN",
    '""',
)
CURRENCIES = ("", "eur", "EU", "EURO", 1, None, "EUR\n")
WRONG: dict[str, tuple[Any, ...]] = {
    "notice_id": TEXTS,
    "type": TEXTS,
    "created_at": INSTANTS,
    "payment_id": IDS,
    "booking_id": IDS,
    "payer": TEXTS,
    "provider": TEXTS,
    "provider_ref": TEXTS,
    "captured_at": INSTANTS,
}
TWICE = {
    b'"amount_minor"': (b'"amount_minor": 1, ', b'"currency": "USD", '),
    b'"payment_id"': (b'"payer": "Eve", ', b'"booking_id": "eve-1", '),
    b'"notice_id"': (b'"notice_id": "n0", ', b'"type": "payment.refunded", '),
}


@dataclass(frozen=True, slots=True)
class Forged:
    """A request, and the words for what is wrong with it."""

    kind: str
    body: bytes
    header: str | None


def forged(random: Random, times: int) -> Iterator[Forged]:
    """So many requests of every kind, each another one."""
    for number in range(times):
        body = _notice(random, number)
        yield random.choice(KINDS)(random, body)


def _notice(random: Random, number: int) -> bytes:
    types = ("payment.captured", "payment.refunded", "payment.charged_back", "payment.disputed")
    ids = {"payment_id": f"bank-{number}", "booking_id": f"ada-{number % 7}"}
    return notice(f"n{number}", random.choice(types), **ids)


def _guessed(random: Random, body: bytes) -> Forged:
    secrets = (SECRET[:-1], SECRET.upper(), "", "x" * 16, f"{SECRET} ", SECRET[::-1])
    return Forged("a guessed secret", body, signature(body, secret=random.choice(secrets)))


def _stale(random: Random, body: bytes) -> Forged:
    at = now_seconds() + random.choice(TIMES)
    return Forged("an old request, or one of the future", body, signature(body, at=at))


def _replayed(random: Random, body: bytes) -> Forged:
    at = now_seconds() - TOLERANCE - SPARE - random.randrange(DAY)
    return Forged("a request that was received", notice(), signature(notice(), at=at))


def _truncated(random: Random, body: bytes) -> Forged:
    return Forged("cut off", body[: random.randrange(len(body))], signature(body))


def _changed_bytes(random: Random, body: bytes) -> Forged:
    changed = bytearray(body)
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(changed))
        match random.randrange(3):
            case 0:
                changed[at] ^= random.randint(1, 255)
            case 1:
                changed.insert(at, random.randrange(256))
            case _:
                del changed[at]
    changed += b" " * (changed == body)
    return Forged("other bytes", bytes(changed), signature(body))


def _other_content(random: Random, body: bytes) -> Forged:
    """The same content in another order counts as another one: bytes are signed."""
    content = json.loads(body)
    content["payment"]["amount"]["amount_minor"] = random.randrange(3_000)
    keys = list(content)
    random.shuffle(keys)
    other = json.dumps({key: content[key] for key in keys}, indent=random.choice((None, 0, 2)))
    return Forged("other content", other.encode(), signature(body))


def _changed_header(random: Random, body: bytes) -> Forged:
    header = signature(body)
    at = random.randrange(len(header))
    others = [other for other in PRINTABLE if other.lower() != header[at].lower()]
    written = random.choice(("", *others))
    return Forged("another header", body, header[:at] + written + header[at + 1 :])


def _strange_header(random: Random, body: bytes) -> Forged:
    time, _, mac = signature(body).partition(",")
    headers = (
        None, "", ",", "=", "t=,v1=", "v1", mac, time, f"{time},{time},{mac}",
        f"{time},v0{mac[2:]}", f"t={'9' * 13},{mac}", f"t=-1,{mac}", f"t=1e9,{mac}",
        f"{time},v1=", f"{time},v1=" + "0" * 64,
        f"{time},{mac[:-1]}", f"{time},{mac.upper()}", f"{time}," + ",".join([mac] * 20),
        f"{time};{mac}", f"{time},v1={'f' * 2_000}", "t=" + "1" * 5_000, f"{time}.0,{mac}",
        f"{time},v1=\xe9", f"T{time[1:]},{mac}",
    )  # fmt: skip
    return Forged("a strange header", body, random.choice(headers))


def _too_large(random: Random, body: bytes) -> Forged:
    large = body + b" " * (BODY_BYTES_MAX - len(body) + random.randint(1, 1_000))
    return Forged("too large", large, signature(large))


def _wrong_field(random: Random, body: bytes) -> Forged:
    content = json.loads(body)
    name = random.choice((*WRONG, "amount_minor", "currency", "amount", "payment"))
    if name == "amount_minor":
        text = body.replace(
            b'"amount_minor": 3000', b'"amount_minor": ' + random.choice(NUMBERS).encode()
        )
        return Forged("signed, with a wrong amount", text, signature(text))
    if name == "currency":
        content["payment"]["amount"][name] = random.choice(CURRENCIES)
    elif name == "amount":
        content["payment"][name] = random.choice(
            (None, [], 3_000, "30.00 EUR", {"amount_minor": 1})
        )
    elif name == "payment":
        content[name] = random.choice((None, [], "bank-7", 7, {}, [content[name]]))
    else:
        (content if name in LEAVES else content["payment"])[name] = random.choice(WRONG[name])
    text = json.dumps(content).encode()
    return Forged(f"signed, with a wrong {name}", text, signature(text))


def _missing_field(random: Random, body: bytes) -> Forged:
    content = json.loads(body)
    name = random.choice((*LEAVES, *OF_PAYMENT, "payment", "amount"))
    del (content if name in (*LEAVES, "payment") else content["payment"])[name]
    text = json.dumps(content).encode()
    return Forged(f"signed, without {name}", text, signature(text))


def _key_twice(random: Random, body: bytes) -> Forged:
    """The last one wins in most readers, the first one in some."""
    place = random.choice(list(TWICE))
    text = body.replace(place, random.choice(TWICE[place]) + place)
    return Forged("signed, with a key twice", text, signature(text))


def _no_object(random: Random, body: bytes) -> Forged:
    depth = random.choice((1, 100, 1_000, 30_000))
    texts = (
        b"", b" ", b"null", b"true", b"7", b"-", b'"', b"\xff\xfe", b"\xef\xbb\xbf" + body,
        b"[" * depth, b"[" * depth + body + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth,
        body + body, body[: random.randrange(len(body))], body.decode().encode("utf-16"),
        body + b"\0", b"\0" + body, body.replace(b'"', b"'"), body[:-1] + b",}",
        b"9" * depth, b"1e" + b"9" * depth,
    )  # fmt: skip
    text = random.choice(texts)
    return Forged("signed, and no notice", text, signature(text))


KINDS: tuple[Callable[[Random, bytes], Forged], ...] = (
    _guessed, _stale, _replayed, _truncated, _changed_bytes, _other_content, _changed_header,
    _strange_header, _too_large, _wrong_field, _missing_field, _key_twice, _no_object,
)  # fmt: skip
