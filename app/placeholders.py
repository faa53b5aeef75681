"""Secrets that everybody knows: values from examples, templates and default passwords."""

import re

_KNOWN = frozenset(
    {
        "admin",
        "api",
        "changeme",
        "default",
        "dev",
        "development",
        "example",
        "jwtsecret",
        "key",
        "none",
        "nuggetwise",
        "null",
        "password",
        "placeholder",
        "postgres",
        "root",
        "secret",
        "supersecret",
        "test",
        "todo",
        # The keys of Stripe's and Sentry's documentation.
        "sktest4ec39hqlyjwdarjtt1zdp7dc",
        "sktestbqokikjovbii2hlwgh4olfq2",
        "httpspublickey@o0ingestsentryio0",
    }
)
_TELLTALE = re.compile(
    r"change[-_ ]?(me|this|it|in[-_ ]?production)|replace[-_ ]?(me|this|with)|placeholder|example|insecure|dummy|"
    r"(your|my)[-_ ]?(own[-_ ]?|super[-_ ]?)*(secret|password|key|token|jwt|api|dsn)|super[-_ ]?secret|"
    r"(default|dev|development|test)[-_ ]?(secret|password|jwt|encryption)|<[^>]*>|\$\{|\[secret\]|x{6,}|\*{3,}",
    re.IGNORECASE,
)


def is_placeholder(value: str) -> bool:
    """Whether a secret is one that was never chosen: a known default, a template's text or one repeated pattern."""
    letters = re.sub(r"[^a-z0-9@]", "", value.lower())
    return letters in _KNOWN or bool(_TELLTALE.search(value)) or _is_repetitive(value)


def _is_repetitive(value: str) -> bool:
    """`0000…`, `abcabc…`, `12345678…`: fewer distinct characters than a random secret of that length ever has."""
    if len(value) < 16:
        return len(set(value)) <= 2
    half = value[: len(value) // 2]
    return len(set(value)) < 8 or any(
        value == (value[:size] * len(value))[: len(value)] for size in range(1, len(half) + 1)
    )
