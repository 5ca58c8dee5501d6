"""Keys as they stand in `BOX_OFFICE_PAYLOAD_KEYS`, and codecs that have them."""

from base64 import b64encode

from pydantic import SecretStr

from workflows.encryption import EncryptionCodec, KeyRing, key_ring


def entry(id: str, size: int = 32) -> str:
    """A key that its id makes: the same id is the same key."""
    return f"{id}:{b64encode(id.encode().ljust(size, b'.')).decode()}"


def ring(*entries: str) -> KeyRing:
    return key_ring([SecretStr(entry) for entry in entries])


def codec(*entries: str, workflow_id: str | None = None) -> EncryptionCodec:
    return EncryptionCodec(ring(*entries), workflow_id)


OLD, NEW = entry("old"), entry("new", 16)
