"""`python -m app.rotate_keys`: encrypts every stored secret anew under the first key of ENCRYPTION_KEY.

Connects by OWNER_DATABASE_URL, as migrations do: the API's own role sees no row but its caller's. Can be interrupted
and run again at any time: every batch is a transaction, and what is done is not done twice. A secret that its user
changes in the meantime stays as they changed it.

Exit code: 0 when nothing is left to do, 1 when something is, 2 when a variable is wrong.
"""

import argparse
import os
import sys
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from pydantic import SecretStr

from app.crypto import Cipher, DecryptionError
from app.settings import parse_encryption_keys
from migrations.connection import connect
from migrations.errors import SettingError
from migrations.settings import target

_BATCH: Final = 500  # rows
_NOT_CURRENT: Final = "v0_api_key IS NOT NULL AND NOT starts_with(v0_api_key, %(prefix)s)"
_FIRST_ID: Final = UUID(int=0)

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass
class Progress:
    """How many were encrypted anew, were changed by their users meanwhile, and cannot be decrypted by any key."""

    rotated: int = 0
    changed: int = 0
    unreadable: int = 0


def remaining(connection: Connection, cipher: Cipher) -> int:
    """How many secrets the first key did not encrypt."""
    row = connection.execute(
        f"SELECT count(*) FROM public.users WHERE {_NOT_CURRENT}",  # noqa: S608 (constants)
        {"prefix": cipher.prefix},
    ).fetchone()
    assert row is not None
    return row[0]


def rotate(connection: Connection, cipher: Cipher, batch: int = _BATCH) -> Progress:
    """Encrypts anew, in the order of the users' ids; the connection is in autocommit."""
    progress, last = Progress(), _FIRST_ID
    while rows := _next(connection, cipher, last, batch):
        last = rows[-1][0]
        _rotate_batch(connection, cipher, rows, progress)
        print(
            f"{progress.rotated} encrypted anew, {progress.changed} changed by their users, "
            f"{progress.unreadable} unreadable",
            flush=True,
        )
    return progress


def _next(connection: Connection, cipher: Cipher, after: UUID, batch: int) -> list[tuple[UUID, str]]:
    return connection.execute(
        f"SELECT id, v0_api_key FROM public.users WHERE id > %(after)s AND {_NOT_CURRENT}"  # noqa: S608 (constants)
        " ORDER BY id LIMIT %(batch)s",
        {"after": after, "prefix": cipher.prefix, "batch": batch},
    ).fetchall()


def _rotate_batch(connection: Connection, cipher: Cipher, rows: list[tuple[UUID, str]], progress: Progress) -> None:
    anew: list[tuple[str, UUID, str]] = []
    for user_id, old in rows:
        try:
            anew.append((cipher.encrypt(cipher.decrypt(old, user_id), user_id), user_id, old))
        except DecryptionError as error:
            progress.unreadable += 1
            print(f"user {user_id}: {error}", file=sys.stderr)
    with connection.transaction(), connection.cursor() as cursor:
        # Only over the text that was read.
        cursor.executemany("UPDATE public.users SET v0_api_key = %s WHERE id = %s AND v0_api_key = %s", anew)
        done = cursor.rowcount if anew else 0
    progress.rotated += done
    progress.changed += len(anew) - done


def main(arguments: list[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m app.rotate_keys", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing, tell how many are left to do")
    check: bool = parser.parse_args(arguments).check
    try:
        cipher = Cipher(parse_encryption_keys(SecretStr(os.environ.get("ENCRYPTION_KEY", ""))))
        owner = target(os.environ, "OWNER_DATABASE_URL")
    except (SettingError, ValueError) as error:
        print(f"error: {error}" if isinstance(error, SettingError) else f"error: ENCRYPTION_KEY: {error}")
        return 2
    with connect(owner, release="rotate-keys", autocommit=True) as connection:
        if not check:
            rotate(connection, cipher)
        left = remaining(connection, cipher)
    print(f"{left} secrets are not encrypted with key {cipher.prefix.split(':')[1]}")
    return 1 if left else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; run it again to go on")
    except psycopg.Error as error:
        sys.exit(f"error: {error}")
