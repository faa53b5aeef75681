"""Access tokens: JWTs, signed with HS256 and nothing else."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from uuid import UUID, uuid4

import jwt

LIFETIME: Final = 3600  # seconds
_ALGORITHM: Final = "HS256"
_ISSUER: Final = "nuggetwise-api"
_AUDIENCE: Final = "nuggetwise"
_EXPIRED: Final = "The token has expired."


class InvalidToken(Exception):
    """The token is not one of ours, or not any more; the message is for the caller."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request speaks for, and by which token."""

    user_id: UUID
    token_id: UUID
    expires_at: int
    """Seconds since the epoch."""


class Tokens:
    """Signs with the first secret and accepts all of them, so that one can be replaced while its tokens live."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(secrets)
        # A signature that was good stays good: checking it anew would be a tenth of a small request's time.
        self._decode = lru_cache(maxsize=4096)(self._decode_anew)

    def issue(self, user_id: UUID) -> str:
        """A token for this user, good for LIFETIME seconds."""
        now = int(time.time())
        claims = {
            "sub": str(user_id),
            "jti": str(uuid4()),
            "iat": now,
            "exp": now + LIFETIME,
            "iss": _ISSUER,
            "aud": _AUDIENCE,
        }
        return jwt.encode(claims, self._secrets[0], algorithm=_ALGORITHM)

    def verify(self, token: str) -> Principal:
        """Who the token speaks for, as far as the token itself tells: it may have been revoked.

        Raises InvalidToken.
        """
        principal = self._decode(token)
        if principal.expires_at <= time.time():
            raise InvalidToken(_EXPIRED)
        return principal

    def _decode_anew(self, token: str) -> Principal:
        for secret in self._secrets:
            try:
                claims = jwt.decode(
                    token,
                    secret,
                    algorithms=[_ALGORITHM],
                    issuer=_ISSUER,
                    audience=_AUDIENCE,
                    # A replica whose clock is a second behind must not refuse a token of another.
                    options={"require": ["sub", "jti", "iat", "exp", "iss", "aud"], "verify_iat": False},
                )
                return Principal(UUID(claims["sub"]), UUID(claims["jti"]), int(claims["exp"]))
            except jwt.InvalidSignatureError:
                continue
            except jwt.ExpiredSignatureError:
                raise InvalidToken(_EXPIRED) from None
            except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
                break
        raise InvalidToken("The token is not valid.")
