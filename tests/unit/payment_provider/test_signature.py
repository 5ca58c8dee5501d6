"""A body counts as the provider's if a secret signed it within five minutes; else it is refused."""

import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.controls import SECOND
from ticketing.payment_provider.signature import HEADER_LENGTH_MAX, TOLERANCE, verify

NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)
T = int(NOW.timestamp())
BODY = b'{"notice_id": "n1"}'
SECRET, NEXT_SECRET = b"the secret of today", b"the secret of tomorrow"


def v1(body: bytes = BODY, secret: bytes = SECRET, t: str = str(T)) -> str:
    return hmac.new(secret, t.encode() + b"." + body, "sha256").hexdigest()


HEADER = f"t={T},v1={v1()}"


def test_what_a_secret_signed_is_the_body() -> None:
    assert verify(HEADER, BODY, [SECRET], NOW) == BODY


def test_an_example_that_was_made_with_openssl_is_accepted() -> None:
    # printf '1600000000.{}' | openssl dgst -sha256 -hmac secret
    known = "1e56a11da123b137c26fa37b7c222060bdf22988aa9b3248c31244f8b2ef4a28"
    now = datetime.fromtimestamp(1_600_000_000, UTC)
    assert verify(f"t=1600000000,v1={known}", b"{}", [b"secret"], now) == b"{}"


def test_any_of_several_secrets_and_signatures_is_enough() -> None:
    both = f"t={T},v1={v1(secret=NEXT_SECRET)},v1={v1()},v0=of-another-scheme"
    for secrets in ([SECRET], [NEXT_SECRET], [NEXT_SECRET, SECRET]):
        assert verify(both, BODY, secrets, NOW) == BODY
    assert verify(HEADER, BODY, [NEXT_SECRET, SECRET], NOW) == BODY


def test_without_the_right_secret_nothing_is_accepted() -> None:
    assert verify(HEADER, BODY, [NEXT_SECRET], NOW) == "signature_wrong"
    assert verify(HEADER, BODY, [], NOW) == "signature_wrong"


@pytest.mark.parametrize(
    ("age", "answer"),
    [
        (TOLERANCE, BODY),
        (TOLERANCE + SECOND, "signature_too_old"),
        (-TOLERANCE, BODY),
        (-TOLERANCE - SECOND, "signature_from_the_future"),
    ],
)
def test_five_minutes_are_tolerated_and_no_second_more(age: timedelta, answer: bytes | str) -> None:
    assert verify(HEADER, BODY, [SECRET], NOW + age) == answer


def test_the_age_is_told_only_to_whoever_knows_a_secret() -> None:
    assert verify(HEADER, BODY, [NEXT_SECRET], NOW + timedelta(days=1)) == "signature_wrong"


def test_every_secret_is_compared_with_every_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []

    def compare(ours: str, given: str) -> bool:
        compared.append((ours, given))
        return ours == given

    monkeypatch.setattr(hmac, "compare_digest", compare)
    first, second = v1(), v1(secret=NEXT_SECRET)
    header = f"t={T},v1={first},v1={second}"
    assert verify(header, BODY, [SECRET, NEXT_SECRET], NOW) == BODY
    assert compared == [(ours, given) for ours in (first, second) for given in (first, second)]


def test_a_missing_header_is_refused() -> None:
    assert verify(None, BODY, [SECRET], NOW) == "signature_missing"


@pytest.mark.parametrize(
    "header",
    [
        "",
        ",",
        "=",
        "nonsense",
        f"t={T}",
        f"v1={v1()}",
        f"v1={v1()},t=",
        f"t={T},t={T},v1={v1()}",
        f"t={T} ,v1={v1()}",
        f"t=-{T},v1={v1()}",
        f"t={T}.0,v1={v1()}",
        f"t=0x10,v1={v1()}",
        f"t=1_000,v1={v1()}",
        f"t={'9' * 13},v1={v1()}",
        f"t=١٢٣,v1={v1()}",
        f"t={T},v1=é",
        f"t={T},v0={v1()}",
        HEADER + "," * HEADER_LENGTH_MAX,
    ],
)
def test_a_malformed_header_is_refused(header: str) -> None:
    assert verify(header, BODY, [SECRET], NOW) == "signature_malformed"


@given(body=st.binary(min_size=1), at=st.integers(min_value=0), flip=st.integers(1, 255))
def test_a_body_with_any_byte_changed_is_refused(body: bytes, at: int, flip: int) -> None:
    header = f"t={T},v1={v1(body)}"
    at %= len(body)
    changed = body[:at] + bytes((body[at] ^ flip,)) + body[at + 1 :]
    assert verify(header, body, [SECRET], NOW) == body
    assert verify(header, changed, [SECRET], NOW) == "signature_wrong"


@given(at=st.integers(0, len(HEADER) - 1), other=st.characters())
def test_a_header_with_any_character_changed_is_refused(at: int, other: str) -> None:
    changed = HEADER[:at] + other + HEADER[at + 1 :]
    if changed != HEADER:
        assert isinstance(verify(changed, BODY, [SECRET], NOW), str)


@settings(max_examples=300)
@given(
    header=st.text() | st.lists(st.sampled_from(["t", "v1", "=", ",", str(T), v1()])).map("".join),
    body=st.binary(),
)
def test_whatever_comes_is_refused_and_never_raises(header: str, body: bytes) -> None:
    if body != BODY:
        assert isinstance(verify(header, body, [SECRET], NOW), str)


@given(seconds=st.integers(-(10**11), 10**11))
def test_only_a_time_near_now_is_accepted(seconds: int) -> None:
    t = T + seconds
    answer = verify(f"t={t},v1={v1(t=str(t))}", BODY, [SECRET], NOW)
    assert (answer == BODY) == (abs(seconds) <= TOLERANCE.total_seconds())
