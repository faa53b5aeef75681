"""Secrets at rest: AES-256-GCM, bound to the user whose secret it is."""

import base64
import binascii
import os
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORMAT: Final = "v1"
_NONCE_BYTES: Final = 12


class DecryptionError(Exception):
    """The text was not encrypted by any of these keys for this user, or was changed since."""


class Cipher:
    """Encrypts with the first key; decrypts with whichever key the text names."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = next(iter(keys))

    @property
    def prefix(self) -> str:
        """What every text begins with that the first key encrypted."""
        return f"{_FORMAT}:{self._current}:"

    def encrypt(self, plaintext: str, user_id: UUID) -> str:
        """`v1:<key id>:<base64 of nonce and ciphertext>`."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._keys[self._current].encrypt(nonce, plaintext.encode(), user_id.bytes)
        return f"{self.prefix}{base64.b64encode(nonce + sealed).decode()}"

    def decrypt(self, text: str, user_id: UUID) -> str:
        """The plaintext.

        Raises DecryptionError, also for an unknown key id.
        """
        version, _, rest = text.partition(":")
        key_id, _, encoded = rest.partition(":")
        key = self._keys.get(key_id)
        if version != _FORMAT or key is None:
            raise DecryptionError("unknown format or key id")
        try:
            sealed = base64.b64decode(encoded, validate=True)
            return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], user_id.bytes).decode()
        except (binascii.Error, ValueError, InvalidTag):
            raise DecryptionError("the ciphertext does not belong to this key and user") from None
