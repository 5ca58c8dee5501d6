"""The data converter of all our clients and workers: pydantic's, and AES-GCM once there is a key.

What Temporal stores is then unreadable to who runs it: inputs, results, failures, memos, summaries.
Search attributes, ids and names stay in clear (docs/encryption.md).
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
WORKFLOW_ID = "encryption-workflow-id"  # whose payload it is; ids of ours tell nothing of a client
REFUSED = "refused"  # an encoding that no converter knows

PLAINTEXT = "plaintext"  # stands in the ring for no encryption
KEY_BYTES = (16, 24, 32)
KEY_ID_FORM = re.compile(r"[A-Za-z0-9_-]{1,16}")  # too short for a key that stands in its place
NONCE_BYTES = 12  # random: good for 2^32 payloads under one key (NIST SP 800-38D, 8.3)
PSEUDONYM_HEX = 32


class UnknownKeyError(Exception):
    """A payload's key is not here. It may come: Temporal tries again until it does."""


class PayloadRefusedError(Exception):
    """A payload that no holder of a key wrote for this workflow."""


@dataclass(frozen=True, slots=True)
class Key:
    """A cipher, and what makes digests: both of the same secret."""

    id: str
    cipher: AESGCM
    digest_key: bytes

    def pseudonym(self, text: str) -> str:
        """The same for the same text, and of no use without the key."""
        return hmac.new(self.digest_key, text.encode(), "sha256").hexdigest()[:PSEUDONYM_HEX]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The first key encrypts, or nothing does; every other one still decrypts."""

    first: Key | None
    keys: Mapping[str, Key]
    plaintext: bool  # whether what is not encrypted is read

    def pseudonym(self, text: str) -> str:
        """What may stand in clear for a text; without encryption the text itself."""
        return self.first.pseudonym(text) if self.first else text

    def pseudonyms(self, text: str) -> list[str]:
        """All that may stand for a text since the oldest key."""
        digests = [each.pseudonym(text) for each in self.keys.values()]
        return [*digests, text] if self.plaintext else digests


def key_ring(secrets: Sequence[SecretStr]) -> KeyRing:
    """The ring of `id:base64` entries, one of which may be `plaintext`. Without any: plaintext.

    Raises:
        ValueError: an entry is malformed. Says which and what is allowed, and never a secret.
    """
    entries = [each.get_secret_value() for each in secrets] or [PLAINTEXT]
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
    """Encrypts each payload and binds it to the workflow that it belongs to.

    The workflow's id is authenticated and stands beside the payload, so that a codec server, which
    is told no workflow, can decode as well. Whoever knows the workflow refuses the payload of
    another. One that was encoded without a workflow, as by the codec server, is good for any.
    """

    def __init__(self, ring: KeyRing, workflow_id: str | None = None) -> None:
        self.ring = ring
        self._workflow_id = workflow_id

    def with_context(self, context: SerializationContext) -> Self:
        """The codec for payloads of one workflow."""
        match context:
            case WorkflowSerializationContext() | ActivitySerializationContext():
                return type(self)(self.ring, context.workflow_id)
            case _:
                return self

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypted with the first key, or as they are."""
        return [self._sealed(each) for each in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypted, each with its own key.

        A worker is handed all that happened to a workflow at once, and an error here would stop the
        workflow for ever. So what is refused comes back in an encoding that no converter knows: the
        update fails, the signal is dropped (docs/decisions/0013).

        Raises:
            UnknownKeyError: a key is missing.
        """
        return [self._opened_or_marked(each) for each in payloads]

    def _opened_or_marked(self, payload: Payload) -> Payload:
        try:
            return self.opened(payload)
        except PayloadRefusedError as refused:
            return Payload(metadata={"encoding": f"{REFUSED}: {refused}".encode()})

    def opened(self, payload: Payload) -> Payload:
        """Decrypted.

        Raises:
            UnknownKeyError: its key is missing.
            PayloadRefusedError: it is not as a holder of the key wrote it, or of another workflow.
        """
        if payload.metadata.get("encoding") != ENCODING:
            if not self.ring.plaintext:
                raise PayloadRefusedError("it is not encrypted")
            return payload
        key_id, workflow_id = _text(payload, KEY_ID), _text(payload, WORKFLOW_ID)
        if key_id not in self.ring.keys:
            raise UnknownKeyError(f"a payload is encrypted with key {key_id!r}, which is missing")
        if self._workflow_id and workflow_id and workflow_id != self._workflow_id:
            raise PayloadRefusedError(f"it is of {workflow_id}")
        cipher = self.ring.keys[key_id].cipher
        nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, sealed, _bound(key_id, workflow_id)))
        except (InvalidTag, ValueError, DecodeError):  # ValueError: too short for a nonce
            raise PayloadRefusedError("it was tampered with, or truncated") from None

    def _sealed(self, payload: Payload) -> Payload:
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
    """Pydantic's, with the payloads encrypted by the keys of `BOX_OFFICE_PAYLOAD_KEYS`.

    Failures are encrypted with their messages and stack traces.

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
    """What a client with this data converter may leave in clear for a text."""
    codec = converter.payload_codec
    return codec.ring.pseudonym(text) if isinstance(codec, EncryptionCodec) else text


def _bound(key_id: str, workflow_id: str) -> bytes:
    """What is authenticated beside the ciphertext; no key id holds a colon."""
    return f"{key_id}:{workflow_id}".encode()


def _text(payload: Payload, name: str) -> str:
    return payload.metadata.get(name, b"").decode(errors="replace")
