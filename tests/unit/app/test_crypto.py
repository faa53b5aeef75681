"""Secrets at rest: bound to their user and to the key they name."""

import base64
import os
from uuid import uuid4

import pytest

from app.crypto import Cipher, DecryptionError

OLD, NEW = os.urandom(32), os.urandom(32)
USER = uuid4()


def test_what_is_encrypted_can_be_read_by_its_user_only():
    cipher = Cipher({"k1": NEW})
    text = cipher.encrypt("v0-key-ü", USER)
    assert cipher.decrypt(text, USER) == "v0-key-ü"
    with pytest.raises(DecryptionError):
        cipher.decrypt(text, uuid4())


def test_the_text_names_format_and_key_and_is_never_the_same_twice():
    cipher = Cipher({"2026-11": NEW})
    text = cipher.encrypt("v0-key", USER)
    assert text.startswith("v1:2026-11:")
    assert text != cipher.encrypt("v0-key", USER)
    assert "v0-key" not in text


def test_during_a_rotation_the_old_key_decrypts_and_the_new_one_encrypts():
    text = Cipher({"old": OLD}).encrypt("v0-key", USER)
    rotating = Cipher({"new": NEW, "old": OLD})
    assert rotating.decrypt(text, USER) == "v0-key"
    assert rotating.encrypt("v0-key", USER).startswith("v1:new:")
    with pytest.raises(DecryptionError):
        Cipher({"new": NEW}).decrypt(text, USER)


def test_a_changed_or_foreign_text_is_refused():
    cipher = Cipher({"k1": NEW})
    text = cipher.encrypt("v0-key", USER)
    sealed = bytearray(base64.b64decode(text.rpartition(":")[2]))
    sealed[-1] ^= 1
    changed = "v1:k1:" + base64.b64encode(sealed).decode()
    for wrong in (changed, "", "v0-key", "v1:k1:", "v1:k1:!!!", text.replace("v1:", "v2:"), "v1:k1:" + "A" * 8):
        with pytest.raises(DecryptionError):
            cipher.decrypt(wrong, USER)
    with pytest.raises(DecryptionError):
        Cipher({"k1": OLD}).decrypt(text, USER)
