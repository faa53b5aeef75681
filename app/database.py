"""PostgreSQL: a bounded pool, and transactions that serve one person."""

import asyncio
import logging
import select
import socket
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, LiteralString, NamedTuple, TypeAlias, TypeVar, cast

import psycopg
from psycopg import AsyncClientCursor, AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.rows import BaseRowFactory
from psycopg.sql import SQL, Composed, Identifier, Placeholder
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from app.problems import Unauthorized, Unavailable, UserGone
from app.tokens import Principal

logger = logging.getLogger("app.database")

Connection: TypeAlias = AsyncConnection[tuple[Any, ...]]

_CONNECT_TIMEOUT: Final = 3  # seconds
_WAIT_FOR_CONNECTION: Final = 3.0  # seconds in the queue of the pool
_BUDGET: Final = 8.0  # seconds for all that one request does in the database
_STATEMENT_TIMEOUT: Final = "7s"  # below the budget, so that it is the server that gives up first
_WAITING_PER_CONNECTION: Final = 20

# One round trip (several statements, so by the simple protocol) instead of four. Settings are local to the transaction:
# behind a transaction pooler the connection belongs to somebody else right after it. A token counts as revoked when
# PostgreSQL says so, and a token of a removed user speaks for nobody.
_BEGIN: Final = """
    BEGIN;
    SELECT set_config('request.jwt.claims', %(jwt_claims)s, true), set_config('statement_timeout', %(timeout)s, true),
        set_config('idle_in_transaction_session_timeout', %(timeout)s, true)
"""
_BEGIN_AS_USER: Final = f"""
    {_BEGIN};
    SELECT public.token_revoked(%(jwt_id)s), EXISTS (SELECT FROM public.users WHERE id = %(jwt_user)s)
"""  # noqa: S608 (constants)

_Row = TypeVar("_Row")


class PoolState(NamedTuple):
    """How the pool is doing: connections and requests now, errors since the start."""

    size: int
    idle: int
    maximum: int
    waiting: int
    request_errors: int
    connection_errors: int


class Database:
    """Connections that are made when needed, mended by themselves, and never waited for without end."""

    def __init__(self, url: str, *, size: int) -> None:
        self._size = size
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            open=False,
            min_size=min(2, size),
            max_size=size,
            timeout=_WAIT_FOR_CONNECTION,
            max_waiting=size * _WAITING_PER_CONNECTION,
            # The pool doubles its delay up to this: longer, and a database that is back would not be noticed.
            reconnect_timeout=4.0,
            configure=_refuse_role_above_policies,
            name="api",
            kwargs={
                "autocommit": True,
                # Behind a transaction pooler a prepared statement would be another connection's.
                "prepare_threshold": None,
                "connect_timeout": _CONNECT_TIMEOUT,
                "keepalives_idle": 15,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "application_name": "nuggetwise-api",
            },
        )

    async def open(self) -> None:
        """Begins to connect, and does not wait for it."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Closes every connection."""
        await self._pool.close(timeout=2.0)

    def pool_state(self) -> PoolState:
        """Asks nobody: these are the pool's own counters."""
        stats = self._pool.get_stats()
        return PoolState(
            size=stats["pool_size"],
            idle=stats["pool_available"],
            maximum=stats["pool_max"],
            waiting=stats["requests_waiting"],
            request_errors=stats.get("requests_errors", 0),
            connection_errors=stats.get("connections_errors", 0),
        )

    @asynccontextmanager
    async def connection(self, budget: float = _BUDGET) -> AsyncGenerator[Connection]:
        """A connection in autocommit, for at most `budget` seconds, of which some are for waiting in the queue.

        The server itself is told of no limit here: for what could take long there are `as_user` and `as_nobody`.
        Raises Unavailable: no connection in time, none possible, or lost on the way.
        """
        deadline = time.monotonic() + budget
        try:
            connection = await self._checkout(deadline)
            # Cancelling a coroutine would first ask the server to cancel, and wait for that: a server that hangs
            # would keep the request for longer than its budget.
            timer = asyncio.get_running_loop().call_later(deadline - time.monotonic(), _hang_up, connection)
            try:
                yield connection
            finally:
                timer.cancel()
                await self._pool.putconn(connection)
        except (psycopg.OperationalError, PoolTimeout, PoolClosed, TooManyRequests) as error:
            logger.warning("database unavailable", extra={"error": f"{type(error).__name__}: {error}"})
            raise Unavailable("The database is not available.") from error

    @asynccontextmanager
    async def as_user(self, principal: Principal) -> AsyncGenerator[Connection]:
        """A transaction in which row-level security shows this person's rows only; committed at the end.

        Raises Unauthorized when the token was revoked or its user is gone, and Unavailable like `connection`.
        """
        async with self._transaction(_BEGIN_AS_USER, _user_parameters(principal)) as cursor:
            await _refuse_bad_token(cursor)
            yield cursor.connection

    @asynccontextmanager
    async def as_nobody(self) -> AsyncGenerator[Connection]:
        """A transaction before anybody is known, in which only the schema's functions are of use; committed at the end.

        Raises Unavailable like `connection`.
        """
        async with self._transaction(_BEGIN, {"jwt_claims": "", "timeout": _STATEMENT_TIMEOUT}) as cursor:
            yield cursor.connection

    async def read_as_user(
        self,
        principal: Principal,
        query: LiteralString,
        parameters: Mapping[str, object],
        row_factory: BaseRowFactory[_Row],
    ) -> list[_Row]:
        """The rows of one SELECT in such a transaction, in a single round trip.

        Raises like `as_user`.
        """
        async with self.connection() as connection:
            cursor = AsyncClientCursor(connection)
            try:
                await cursor.execute(
                    f"{_BEGIN_AS_USER}; {query}; COMMIT", {**_user_parameters(principal), **parameters}
                )
                await _refuse_bad_token(cursor)
                cursor.nextset()
                cursor.row_factory = row_factory  # pyright: ignore[reportAttributeAccessIssue]
                return cast(list[_Row], await cursor.fetchall())
            except psycopg.Error:
                await _roll_back(connection)
                raise

    @asynccontextmanager
    async def _transaction(
        self, begin: LiteralString, parameters: Mapping[str, object]
    ) -> AsyncGenerator[AsyncClientCursor[tuple[Any, ...]]]:
        """A transaction that begins with these statements, and the cursor that has their results."""
        async with self.connection() as connection:
            try:
                cursor = AsyncClientCursor(connection)
                await cursor.execute(begin, parameters)
                yield cursor
            except BaseException:
                await _roll_back(connection)
                raise
            await connection.execute("COMMIT")

    async def ping(self, budget: float) -> None:
        """Asks whether the database answers.

        Raises Unavailable.
        """
        async with self.connection(budget) as connection:
            await connection.execute("SELECT")

    async def schema_revision(self, budget: float) -> str:
        """The schema's revision; empty before the first migration.

        Raises Unavailable.
        """
        async with self.connection(budget) as connection:
            try:
                row = await (await connection.execute("SELECT public.schema_revision()")).fetchone()
            except (psycopg.errors.UndefinedFunction, psycopg.errors.InsufficientPrivilege):
                # The second: migrations are at work, and its grant is to come.
                return ""
        return str(row[0] or "") if row else ""

    async def _checkout(self, deadline: float) -> Connection:
        """A connection whose server has not hung up.

        The pool's own check costs a round trip, and its pauses after a failed one outlast a restart of the server.
        """
        for _ in range(self._size + 1):
            wait = min(_WAIT_FOR_CONNECTION, deadline - time.monotonic())
            connection = await self._pool.getconn(timeout=wait)
            if not _server_hung_up(connection):
                return connection
            await connection.close()
            await self._pool.putconn(connection)
        raise PoolTimeout("every connection of the pool was broken")


def assignments(columns: Iterable[str]) -> Composed:
    """The SET list of an UPDATE, with a parameter of the same name for each column."""
    return SQL(", ").join(SQL("{} = {}").format(Identifier(name), Placeholder(name)) for name in columns)


def _user_parameters(principal: Principal) -> dict[str, object]:
    return {
        "jwt_claims": f'{{"sub": "{principal.user_id}"}}',
        "jwt_id": principal.token_id,
        "jwt_user": principal.user_id,
        "timeout": _STATEMENT_TIMEOUT,
    }


async def _refuse_bad_token(cursor: AsyncClientCursor[tuple[Any, ...]]) -> None:
    """Moves to what _BEGIN_AS_USER found out about the token, and raises Unauthorized when it is not good."""
    cursor.nextset()
    cursor.nextset()
    row = await cursor.fetchone()
    assert row is not None
    revoked, user_exists = row
    if revoked:
        raise Unauthorized("The token was revoked.")
    if not user_exists:
        raise UserGone


async def _refuse_role_above_policies(connection: Connection) -> None:
    """Refuses a connection on which row-level security does nothing: routes rely on it to tell people apart.

    So it is for whoever owns the tables, as the only role of a platform's database does. Before the first migration
    there is nothing to protect.
    """
    bound = await connection.execute("SELECT coalesce(row_security_active(to_regclass('public.users')), true)")
    if await bound.fetchone() != (True,):
        raise psycopg.OperationalError(
            "row-level security does not bind the role of DATABASE_URL: name one that owns no tables"
        )


async def _roll_back(connection: Connection) -> None:
    if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
        await connection.execute("ROLLBACK")


def _server_hung_up(connection: Connection) -> bool:
    """Whether there is something to read on an idle connection: the end, or the server's reason for it."""
    if connection.closed:
        return True
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    return bool(poller.poll(0))


def _hang_up(connection: Connection) -> None:
    """Breaks the connection, so that whoever waits for an answer gets an error at once."""
    if not connection.closed:
        with socket.socket(fileno=socket.dup(connection.fileno())) as duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)
