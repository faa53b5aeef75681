"""age, which encrypts for a public recipient what only its secret identity opens.

The identity goes to it through a pipe: no file and no argument holds it.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO

from jobs.child import Child, run
from jobs.settings import Keys
from migrations.errors import SettingError


def encrypting(recipient: str, stdin: IO[bytes], stdout: int) -> Child:
    """A program that encrypts what it reads."""
    return Child(["age", "--encrypt", "--recipient", recipient], stdin=stdin, stdout=stdout)


@contextmanager
def decrypting(identities: str, stdout: IO[bytes], stdin: int) -> Generator[Child]:
    """A program that decrypts what it is given; ended in the end."""
    reads, writes = os.pipe()
    try:
        # A pipe holds far more than a few keys.
        os.write(writes, identities.encode())
        os.close(writes)
        child = Child(
            ["age", "--decrypt", "--identity", f"/dev/fd/{reads}"], stdin=stdin, stdout=stdout, pass_fds=[reads]
        )
    finally:
        os.close(reads)
    try:
        yield child
    finally:
        child.end()


def recipients(identities: str) -> list[str]:
    """The recipients whose secrets the identities are."""
    return run(["age-keygen", "-y"], given=identities.encode()).decode().split()


def check(keys: Keys) -> None:
    """Raises SettingError when what would be encrypted could not be opened again."""
    known = recipients(keys.identities)
    if keys.recipient not in known:
        raise SettingError(
            f"BACKUP_IDENTITY opens what is encrypted for {' or '.join(known)}, and BACKUP_RECIPIENT is "
            f"{keys.recipient}: give both of one pair"
        )
