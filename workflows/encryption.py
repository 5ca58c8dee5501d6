"""The data converter of all clients and workers: pydantic's, with AES-GCM if a key is set.

With a key, nobody who runs Temporal can read inputs, results, failures, memos and summaries.
Search attributes, ids and names stay readable (docs/encryption.md).
"""

import hmac
import os
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import DecodeError
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
WORKFLOW_ID = "encryption-workflow-id"  # the payload's workflow; its id says nothing about a client
REFUSED = "refused"  # an encoding that no converter can decode

PLAINTEXT = "plaintext"  # the entry of the ring that stands for no encryption
KEY_BYTES = (16, 24, 32)
KEY_ID_FORM = re.compile(r"[A-Za-z0-9_-]{1,16}")  # no key is this short
NONCE_BYTES = 12  # random nonces are safe for 2^32 payloads per key (NIST SP 800-38D, 8.3)
PSEUDONYM_HEX = 32


class UnknownKeyError(Exception):
    """The key of a payload is missing. Temporal retries until somebody adds it."""


class PayloadRefusedError(Exception):
    """Nobody who holds a key wrote this payload for this workflow."""


@dataclass(frozen=True, slots=True)
class Key:
    """A cipher and a key for digests, both derived from one secret."""

    id: str
    cipher: AESGCM
    digest_key: bytes

    def pseudonym(self, text: str) -> str:
        """Return the pseudonym of a text, which nobody can compute without the key."""
        return hmac.new(self.digest_key, text.encode(), "sha256").hexdigest()[:PSEUDONYM_HEX]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys: the first one encrypts, every key decrypts."""

    first: Key | None
    keys: Mapping[str, Key]
    plaintext: bool  # whether payloads without encryption are accepted

    def pseudonym(self, text: str) -> str:
        """Return the pseudonym of a text; without encryption, the text itself."""
        return self.first.pseudonym(text) if self.first else text

    def pseudonyms(self, text: str) -> list[str]:
        """Return the pseudonyms of a text under every key."""
        digests = [key.pseudonym(text) for key in self.keys.values()]
        return [*digests, text] if self.plaintext else digests


def key_ring(secrets: Sequence[SecretStr]) -> KeyRing:
    """Build the ring from `id:base64` entries, one of which may be `plaintext`.

    Without an entry nothing is encrypted.

    Raises:
        ValueError: an entry is malformed; the message never contains a secret.
    """
    entries = [secret.get_secret_value() for secret in secrets] or [PLAINTEXT]
    keys: dict[str, Key] = {}
    for place, entry in enumerate(entries, 1):
        if entry == PLAINTEXT:
            continue
        key = _key(f"entry {place}", entry)
        if key.id in keys:
            raise ValueError(f"entry {place}: the key id {key.id} is taken by an earlier one")
        keys[key.id] = key
    first = None if entries[0] == PLAINTEXT else next(iter(keys.values()))
    return KeyRing(first, keys, plaintext=PLAINTEXT in entries)


def _key(place: str, entry: str) -> Key:
    id, colon, text = entry.partition(":")
    if not colon or id == PLAINTEXT or not KEY_ID_FORM.fullmatch(id):
        raise ValueError(
            f"{place}: allowed is id:base64, the id 1 to 16 of A-Z a-z 0-9 _ -, or {PLAINTEXT}"
        )
    try:
        secret = b64decode(text, validate=True)
    except NotBase64:
        raise ValueError(f"{place}: key {id} is no base64") from None
    if len(secret) not in KEY_BYTES:
        raise ValueError(f"{place}: key {id} has {len(secret)} bytes; 16, 24 or 32 are allowed")
    derived = HKDF(SHA256(), length=32, salt=None, info=b"box-office pseudonyms").derive(secret)
    return Key(id, AESGCM(secret), derived)


class EncryptionCodec(PayloadCodec, WithSerializationContext):
    """Encrypts every payload and binds it to its workflow.

    The id of the workflow is stored and authenticated with the payload. A codec server reads the
    payloads of any; a client or worker refuses those of another workflow, and of none.
    """

    def __init__(self, ring: KeyRing, workflow_id: str | None = None) -> None:
        self.ring = ring
        self._workflow_id = workflow_id

    def with_context(self, context: SerializationContext) -> Self:
        """Return the codec for the payloads of one workflow."""
        match context:
            case WorkflowSerializationContext() | ActivitySerializationContext():
                return type(self)(self.ring, context.workflow_id)
            case _:
                return self

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt payloads with the first key; without a key, return them unchanged."""
        return [self.sealed(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt every payload with the key that it names.

        A worker decodes the whole input of a workflow task at once, so an error here would stop
        the workflow for ever. A refused payload is therefore returned in an encoding that no
        converter can decode: the update fails, or the signal is dropped (docs/decisions/0013).

        Raises:
            UnknownKeyError: a key is missing.
        """
        return [self._opened_or_marked(payload) for payload in payloads]

    def _opened_or_marked(self, payload: Payload) -> Payload:
        try:
            return self.opened(payload)
        except PayloadRefusedError as refused:
            return Payload(metadata={"encoding": f"{REFUSED}: {refused}".encode()})

    def opened(self, payload: Payload) -> Payload:
        """Decrypt one payload.

        Raises:
            UnknownKeyError: the key is missing.
            PayloadRefusedError: the payload was changed, or belongs to another workflow.
        """
        if payload.metadata.get("encoding") != ENCODING:
            if not self.ring.plaintext:
                raise PayloadRefusedError("it is not encrypted")
            return payload
        key_id, workflow_id = _text(payload, KEY_ID), _text(payload, WORKFLOW_ID)
        if key_id not in self.ring.keys:
            raise UnknownKeyError(f"a payload is encrypted with key {key_id!r}, which is missing")
        if self._workflow_id and workflow_id != self._workflow_id:
            raise PayloadRefusedError(f"it is of {workflow_id or 'no workflow'}")
        cipher = self.ring.keys[key_id].cipher
        nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, sealed, _bound(key_id, workflow_id)))
        except (InvalidTag, ValueError, DecodeError):  # a ValueError: too short for a nonce
            raise PayloadRefusedError("it was tampered with, or truncated") from None

    def sealed(self, payload: Payload) -> Payload:
        """Encrypt one payload with the first key; without a key, return it unchanged."""
        key = self.ring.first
        if key is None:
            return payload
        nonce = os.urandom(NONCE_BYTES)
        workflow_id = self._workflow_id or ""
        whose = {WORKFLOW_ID: workflow_id.encode()} if workflow_id else {}
        bound = _bound(key.id, workflow_id)
        return Payload(
            metadata={"encoding": ENCODING, KEY_ID: key.id.encode(), **whose},
            data=nonce + key.cipher.encrypt(nonce, payload.SerializeToString(), bound),
        )


def data_converter(keys: Sequence[SecretStr] = ()) -> DataConverter:
    """Return pydantic's data converter, encrypting with the keys of `BOX_OFFICE_PAYLOAD_KEYS`.

    Messages and stack traces of failures are encrypted too.

    Raises:
        ValueError: a key is malformed.
    """
    ring = key_ring(keys)
    return replace(
        pydantic_data_converter,
        payload_codec=EncryptionCodec(ring),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes
        if ring.first
        else DefaultFailureConverter,
    )


def pseudonym(converter: DataConverter, text: str) -> str:
    """Return what a client with this data converter may show instead of a text."""
    codec = converter.payload_codec
    return codec.ring.pseudonym(text) if isinstance(codec, EncryptionCodec) else text


def _bound(key_id: str, workflow_id: str) -> bytes:
    """Return the data authenticated with the ciphertext; no key id contains a colon."""
    return f"{key_id}:{workflow_id}".encode()


def _text(payload: Payload, name: str) -> str:
    return payload.metadata.get(name, b"").decode(errors="replace")
