"""Passwords: Argon2id with the parameters promised, two at a time, and no hint whether an address is known."""

import asyncio
import threading
import time

import pytest

from app.passwords import Passwords
from app.problems import Unavailable


async def test_a_hash_is_argon2id_with_19_mib_and_verifies_its_password_only():
    passwords = Passwords()
    hashed = await passwords.hash("correct horse battery")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verify(hashed, "correct horse battery")
    assert not await passwords.verify(hashed, "correct horse batterz")
    assert not await passwords.verify("no hash", "correct horse battery")


async def test_without_a_hash_a_dummy_of_the_same_cost_is_verified(monkeypatch: pytest.MonkeyPatch):
    passwords = Passwords()
    seen: list[str] = []

    def remember(hashed: str, _password: str) -> bool:
        seen.append(hashed)
        return False

    monkeypatch.setattr(passwords, "_verify", remember)
    assert not await passwords.verify(None, "whatever it is")
    assert seen[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_a_matching_dummy_is_no_login(monkeypatch: pytest.MonkeyPatch):
    passwords = Passwords()

    def matching(_hashed: str, _password: str) -> bool:
        return True

    monkeypatch.setattr(passwords, "_verify", matching)
    assert await passwords.verify(None, "whatever it is") is False


async def test_at_most_two_are_hashed_at_a_time_and_too_many_are_sent_away(monkeypatch: pytest.MonkeyPatch):
    passwords = Passwords()
    lock, running, most = threading.Lock(), 0, 0
    everybody_asked, pair = threading.Event(), threading.Barrier(2)

    def slow(_hashed: str, _password: str) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        everybody_asked.wait(timeout=30)
        pair.wait(timeout=30)
        time.sleep(0.005)
        with lock:
            running -= 1
        return True

    monkeypatch.setattr(passwords, "_verify", slow)
    asking = [asyncio.create_task(passwords.verify("hash", "p")) for _ in range(80)]
    await asyncio.sleep(0)  # each one gets as far as its place, or is sent away
    everybody_asked.set()
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert most == 2
    assert sum(result is True for result in results) == 64
    assert sum(isinstance(result, Unavailable) for result in results) == 16
    await asyncio.gather(*(passwords.verify("hash", "p") for _ in range(2)))  # places are given back


async def test_hashing_leaves_the_event_loop_free():
    passwords = Passwords()
    hashing = asyncio.create_task(passwords.hash("correct horse battery"))
    turns = 0
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10


@pytest.mark.parametrize("password", ["", "a" * 1024, "pässwörd ☃"])
async def test_any_text_can_be_a_password(password: str):
    passwords = Passwords()
    assert await passwords.verify(await passwords.hash(password), password)
