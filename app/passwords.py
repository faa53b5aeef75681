"""Password hashes: Argon2id, off the event loop, few at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.problems import Unavailable

_AT_A_TIME: Final = 2  # 19 MiB each, in a container of 512 MiB
_MAX_PENDING: Final = 64  # about a second of work: whoever comes later is told to come back

# Of random bytes that nobody kept: an unknown address is verified against it, and takes as long as a known one.
_DUMMY_HASH: Final = "$argon2id$v=19$m=19456,t=2,p=1$oL2mCXubZT+lA9KDWfzTug$LvpkvBR1FBz+ct5T2LQiKWpfUJUvm1DJ5ozqx/JpLWw"

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class Passwords:
    """Hashes and verifies; Argon2 releases the GIL, so its threads do run beside the event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
        self._threads = ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="argon2")
        self._pending = 0

    async def hash(self, password: str) -> str:
        """The hash to store.

        Raises Unavailable when too many are pending already.
        """
        return await self._run(self._hasher.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether this is the password; without a hash it is not, and finding out takes as long.

        Raises Unavailable when too many are pending already.
        """
        good = await self._run(self._verify, password_hash or _DUMMY_HASH, password)
        return good and password_hash is not None

    def close(self) -> None:
        """Ends the threads once they are done."""
        self._threads.shutdown(wait=False)

    async def _run(
        self, function: Callable[_Arguments, _Result], *arguments: _Arguments.args, **named: _Arguments.kwargs
    ) -> _Result:
        if self._pending >= _MAX_PENDING:
            raise Unavailable("Too many logins at once.")
        self._pending += 1
        future = self._threads.submit(function, *arguments, **named)
        future.add_done_callback(lambda _: self._done())
        return await asyncio.wrap_future(future)

    def _done(self) -> None:
        self._pending -= 1

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
