"""`BOX_OFFICE_PAYLOAD_KEYS`: what is allowed, and what is told of what is not."""

import pytest
from pydantic import ValidationError

from entrypoints.settings import Settings
from tests.unit.encryption.keys import NEW, OLD, entry, ring

SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0"


@pytest.mark.parametrize("size", [16, 24, 32])
def test_the_first_key_encrypts_and_every_size_of_aes_is_one(size: int) -> None:
    keys = ring(entry("k1", size), OLD)
    assert keys.first is keys.keys["k1"]
    assert list(keys.keys) == ["k1", "old"]
    assert not keys.plaintext


def test_without_an_entry_nothing_is_encrypted() -> None:
    assert ring() == ring("plaintext")
    assert (ring().first, ring().plaintext) == (None, True)


def test_plaintext_has_a_place_in_the_ring_like_a_key() -> None:
    before, during = ring("plaintext", NEW), ring(NEW, "plaintext")
    assert (before.first, list(before.keys), before.plaintext) == (None, ["new"], True)
    assert (during.first, list(during.keys), during.plaintext) == (
        during.keys["new"],
        ["new"],
        True,
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "entry 1: allowed is id:base64, the id 1 to 16 of A-Z a-z 0-9 _ -, or plaintext"),
        (f"{OLD},", "entry 2: allowed is id:base64"),
        (SECRET, "entry 1: allowed is id:base64"),
        (f"{SECRET}:k1", "entry 1: allowed is id:base64"),
        (f"k 1:{SECRET}", "entry 1: allowed is id:base64"),
        (f"plaintext:{SECRET}", "entry 1: allowed is id:base64"),
        (f"{OLD},k1:{SECRET}", "entry 2: key k1 has 18 bytes; 16, 24 or 32 are allowed"),
        (f"k1:{SECRET}!", "entry 1: key k1 is no base64"),
        ("k1:", "entry 1: key k1 has 0 bytes"),
        (f"{OLD},{OLD}", "entry 2: the key id old is taken by an earlier one"),
    ],
)
def test_a_malformed_entry_is_named_and_no_secret_shown(
    text: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_PAYLOAD_KEYS", text)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert told in str(refused.value)
    assert SECRET not in str(refused.value)


def test_keys_do_not_show_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOX_OFFICE_PAYLOAD_KEYS", OLD)
    assert OLD.split(":")[1] not in repr(Settings())


def test_a_pseudonym_is_one_persons_and_hangs_on_the_key() -> None:
    ann = ring(OLD).pseudonym("ann")
    assert ann == ring(OLD, NEW).pseudonym("ann")
    assert len({"ann", ann, ring(OLD).pseudonym("bob"), ring(NEW).pseudonym("ann")}) == 4
    assert ring().pseudonym("ann") == ring("plaintext", OLD).pseudonym("ann") == "ann"


def test_all_pseudonyms_of_a_person_are_those_that_may_be_stored() -> None:
    assert ring(NEW, OLD, "plaintext").pseudonyms("ann") == [
        ring(NEW).pseudonym("ann"),
        ring(OLD).pseudonym("ann"),
        "ann",
    ]
    assert ring(NEW).pseudonyms("ann") == [ring(NEW).pseudonym("ann")]
