"""Rotating ENCRYPTION_KEY: every stored secret ends under the first key, whatever happens in between."""

import base64
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Generator
from typing import Any

import pytest

from app import rotate_keys
from app.crypto import Cipher
from app.rotate_keys import remaining, rotate
from infra.release import ROOT
from migrations.settings import Settings

from .conftest import Connection, Person

OLD, NEW = os.urandom(32), os.urandom(32)
BEFORE, DURING, AFTER = Cipher({"old": OLD}), Cipher({"new": NEW, "old": OLD}), Cipher({"new": NEW})


def variable(**keys: bytes) -> str:
    return ",".join(f"{name}:{base64.b64encode(key).decode()}" for name, key in keys.items())


@pytest.fixture
def people(owner: Connection, new_person: Callable[[], Person]) -> Generator[list[Person]]:
    """Twelve people with a key of v0's each, and nobody else with one."""
    owner.execute("UPDATE users SET v0_api_key = NULL")
    people = [new_person() for _ in range(12)]
    for person in people:
        store(owner, person, BEFORE.encrypt(f"v1:{person.email}", person.id))
    yield people
    owner.execute("UPDATE users SET v0_api_key = NULL")


def store(owner: Connection, person: Person, text: str | None) -> None:
    owner.execute("UPDATE users SET v0_api_key = %s WHERE id = %s", [text, person.id])


def stored(owner: Connection, person: Person) -> str:
    row = owner.execute("SELECT v0_api_key FROM users WHERE id = %s", [person.id]).fetchone()
    assert row
    return str(row[0])


def run(given: Settings, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OWNER_DATABASE_URL": given.owner.url, **variables}
    command = [sys.executable, "-m", "app.rotate_keys", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_everything_ends_under_the_first_key_and_the_old_one_can_go(owner: Connection, people: list[Person]) -> None:
    store(owner, people[3], DURING.encrypt("v1:new already", people[3].id))
    untouched = stored(owner, people[3])
    progress = rotate(owner, DURING, batch=5)
    assert (progress.rotated, progress.changed, progress.unreadable) == (11, 0, 0)
    assert remaining(owner, DURING) == 0
    assert stored(owner, people[3]) == untouched
    for person in people[:3] + people[4:]:
        assert AFTER.decrypt(stored(owner, person), person.id) == f"v1:{person.email}"
    assert rotate(owner, DURING).rotated == 0, "what is done is not done twice"


def test_what_a_user_changes_meanwhile_stays_as_they_changed_it(
    owner: Connection, people: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    changing, removing = people[0], people[1]

    class Interfering(Cipher):
        """The users act between the reading and the writing of their batch."""

        def encrypt(self, plaintext: str, user_id: uuid.UUID) -> str:
            if user_id == changing.id:
                store(owner, changing, DURING.encrypt("v1:another", changing.id))
            if user_id == removing.id:
                store(owner, removing, None)
            return super().encrypt(plaintext, user_id)

    progress = rotate(owner, Interfering({"new": NEW, "old": OLD}))
    assert (progress.rotated, progress.changed) == (10, 2)
    assert AFTER.decrypt(stored(owner, changing), changing.id) == "v1:another"
    assert stored(owner, removing) == "None"


def test_an_interrupted_run_keeps_what_it_did_and_the_next_one_goes_on(
    owner: Connection, people: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = 0
    real = rotate_keys._rotate_batch  # pyright: ignore[reportPrivateUsage]

    def interrupted(*arguments: Any) -> None:
        nonlocal batches
        batches += 1
        if batches == 3:
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(rotate_keys, "_rotate_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rotate(owner, DURING, batch=5)
    monkeypatch.undo()
    assert remaining(owner, DURING) == 2
    assert rotate(owner, DURING).rotated == 2
    for person in people:
        assert AFTER.decrypt(stored(owner, person), person.id) == f"v1:{person.email}"


def test_what_no_key_opens_is_told_and_does_not_stop_the_rest(
    owner: Connection, people: list[Person], capsys: pytest.CaptureFixture[str]
) -> None:
    lost, stolen = people[5], people[6]
    store(owner, lost, Cipher({"lost": os.urandom(32)}).encrypt("x", lost.id))
    store(owner, stolen, stored(owner, people[7]))
    progress = rotate(owner, DURING, batch=5)
    assert (progress.rotated, progress.unreadable, remaining(owner, DURING)) == (10, 2, 2)
    told = capsys.readouterr().err
    assert str(lost.id) in told
    assert str(stolen.id) in told
    assert "v1:" not in told


def test_the_command_checks_rotates_and_says_what_is_left(
    owner: Connection, migrated: Settings, people: list[Person]
) -> None:
    keys = variable(new=NEW, old=OLD)
    before = [stored(owner, person) for person in people]
    check = run(migrated, "--check", ENCRYPTION_KEY=keys)
    assert (check.returncode, check.stdout) == (1, "12 secrets are not encrypted with key new\n")
    assert [stored(owner, person) for person in people] == before
    done = run(migrated, ENCRYPTION_KEY=keys)
    assert done.returncode == 0, done.stderr
    assert "12 encrypted anew" in done.stdout
    assert run(migrated, "--check", ENCRYPTION_KEY=keys).returncode == 0
    for secret in (base64.b64encode(NEW).decode(), base64.b64encode(OLD).decode(), migrated.owner.password):
        assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"ENCRYPTION_KEY": ""}, "ENCRYPTION_KEY: needs at least one key"),
        ({"ENCRYPTION_KEY": "new:hunter2"}, "keyid:base64 of 32 bytes"),
        ({"ENCRYPTION_KEY": variable(new=NEW), "OWNER_DATABASE_URL": ""}, "OWNER_DATABASE_URL is not set"),
    ],
)
def test_a_wrong_variable_is_named(migrated: Settings, variables: dict[str, str], told: str) -> None:
    done = run(migrated, **variables)
    assert done.returncode == 2
    assert told in done.stdout + done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_a_killed_command_leaves_every_secret_readable(
    owner: Connection, migrated: Settings, people: list[Person]
) -> None:
    environment = {
        **os.environ,
        "OWNER_DATABASE_URL": migrated.owner.url,
        "ENCRYPTION_KEY": variable(new=NEW, old=OLD),
    }
    code = (
        "from app import rotate_keys as r; import time\n"
        "r._BATCH = 1; real = r._rotate_batch\n"
        "def slowly(*a): real(*a); time.sleep(0.2)\n"
        "r._rotate_batch = slowly; r.rotate.__defaults__ = (1,); r.main([])"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 0 < remaining(owner, DURING) < 12
    for person in people:
        assert DURING.decrypt(stored(owner, person), person.id) == f"v1:{person.email}"
