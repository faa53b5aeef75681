"""Tokens: signed by us, with the algorithm we chose, for us, and not expired."""

import base64
import json
import time
from uuid import UUID, uuid4

import jwt
import pytest

from app.tokens import LIFETIME, InvalidToken, Tokens

SECRET = "p7Xr2vQ9mK4tB8nW1zL6cY3hF5jD0sGa" * 2
OLD = "a1Sd4fG7hJ0kL3zX6cV9bN2mQ5wE8rTy"
USER = uuid4()


def claims(**changes: object) -> dict[str, object]:
    now = int(time.time())
    whole: dict[str, object] = {
        "sub": str(USER),
        "jti": str(uuid4()),
        "iat": now,
        "exp": now + 60,
        "iss": "nuggetwise-api",
        "aud": "nuggetwise",
    }
    whole.update(changes)
    return {name: value for name, value in whole.items() if value is not None}


def forged(header: dict[str, str], payload: dict[str, object], signature: str = "") -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, payload)]
    return ".".join([*parts, signature])


def test_an_issued_token_speaks_for_its_user_for_an_hour():
    principal = Tokens([SECRET]).verify(Tokens([SECRET]).issue(USER))
    assert principal.user_id == USER
    assert isinstance(principal.token_id, UUID)
    assert principal.expires_at - time.time() == pytest.approx(LIFETIME, abs=2)
    assert LIFETIME == 3600


def test_each_token_has_its_own_id():
    tokens = Tokens([SECRET])
    assert tokens.verify(tokens.issue(USER)).token_id != tokens.verify(tokens.issue(USER)).token_id


def test_an_old_secret_verifies_during_a_rotation_and_never_signs():
    old, rotating, new = Tokens([OLD]), Tokens([SECRET, OLD]), Tokens([SECRET])
    assert rotating.verify(old.issue(USER)).user_id == USER
    assert new.verify(rotating.issue(USER)).user_id == USER
    with pytest.raises(InvalidToken):
        new.verify(old.issue(USER))


def test_a_token_that_was_good_is_refused_once_it_has_expired(monkeypatch: pytest.MonkeyPatch):
    tokens = Tokens([SECRET])
    token = tokens.issue(USER)
    tokens.verify(token)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + LIFETIME + 1)
    with pytest.raises(InvalidToken, match="expired"):
        tokens.verify(token)


@pytest.mark.parametrize(
    "token",
    [
        jwt.encode(claims(exp=int(time.time()) - 1), SECRET, "HS256"),
        jwt.encode(claims(), OLD, "HS256"),
        jwt.encode(claims(), SECRET, "HS512"),
        jwt.encode(claims(), "", "none"),
        forged({"alg": "none"}, claims()),
        forged({"alg": "None", "typ": "JWT"}, claims()),
        forged({"alg": "HS256"}, claims(), "AAAA"),
        jwt.encode(claims(iss="somebody"), SECRET, "HS256"),
        jwt.encode(claims(aud="somebody"), SECRET, "HS256"),
        jwt.encode(claims(sub="admin"), SECRET, "HS256"),
        *(jwt.encode(claims(**{name: None}), SECRET, "HS256") for name in ("sub", "jti", "iat", "exp", "iss", "aud")),
        jwt.encode(claims(jti="1"), SECRET, "HS256"),
        "",
        "a.b.c",
        "é.é.é",
    ],
)
def test_every_other_token_is_refused(token: str):
    with pytest.raises(InvalidToken):
        Tokens([SECRET, "0" * 32]).verify(token)
