"""The settings of a rehearsed stack: the user's own file, with stand-ins for whatever only a real account gives."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ACCOUNT = "123456789012"
ZONE_ID = "0123456789abcdef0123456789abcdef"

# Whatever the file says: nothing of the rehearsal may bear the number of a real account.
REPLACED: Mapping[str, str] = {"aws.account": ACCOUNT, "cloudflare.zone_id": ZONE_ID}
# Where the file says nothing yet.
FILLED: Mapping[str, str] = {
    "frontend.repository": "nuggetwise/web",
    "frontend.stripe_publishable_key": "pk_test_rehearsal",
    "watch.email": "rehearsal@nuggetwise.com",
    "plans.pro.stripe_price": "price_rehearsal",
}
FILLED_BOOTSTRAP: Mapping[str, str] = {
    "github.repository": "nuggetwise/infrastructure",
    "watch.email": "rehearsal@nuggetwise.com",
}
# How the secrets begin that are set whatever the file says, since a rehearsal cannot open those in it.
SECRETS: Mapping[str, str] = {
    "keys.stripe_secret_key": "sk_test_",
    "keys.stripe_webhook_secret": "whsec_",
    "keys.v0_api_key": "v1:",
}
SALT = frozenset({"encryptionsalt", "encryptedkey", "secretsprovider"})


def prepare(file: Path, project: str, replaced: Mapping[str, str], filled: Mapping[str, str]) -> None:
    """Rewrites a copy of `Pulumi.<stack>.yaml`: no secrets of the user's, no key to them, nothing missing."""
    document: dict[str, Any] = yaml.safe_load(file.read_text())
    config = {key: _opened(value) for key, value in (document.get("config") or {}).items() if not _is_secret(value)}
    for key, value in replaced.items():
        _put(config, project, key, value, over=True)
    for key, value in filled.items():
        _put(config, project, key, value, over=False)
    kept = {key: value for key, value in document.items() if key not in SALT}
    file.write_text(yaml.safe_dump({**kept, "config": config}, sort_keys=False))


def new_secrets(project: str) -> dict[str, str]:
    """Values that are as good as the real ones' form, by the settings' paths."""
    return {f"{project}:{key}": begin + secrets.token_hex(16) for key, begin in SECRETS.items()}


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"secure"}


def _opened(value: Any) -> Any:
    """Without the secrets that are in it."""
    if not isinstance(value, dict):
        return value
    return {key: _opened(each) for key, each in value.items() if not _is_secret(each)}


def _put(config: dict[str, Any], project: str, path: str, value: str, *, over: bool) -> None:
    first, *rest = path.split(".")
    block: dict[str, Any] = config
    keys = [f"{project}:{first}", *rest]
    for key in keys[:-1]:
        block = block.setdefault(key, {})
    if over or keys[-1] not in block:
        block[keys[-1]] = value
