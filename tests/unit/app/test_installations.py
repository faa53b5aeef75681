"""What an installation may hold: any JSON object that PostgreSQL can store and the API can show again."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from app.installations.schemas import InstallationChanges, NewInstallation
from app.users.schemas import UserChanges

CHANGES = TypeAdapter(InstallationChanges)
USER_CHANGES = TypeAdapter(UserChanges)


def nested(levels: int) -> dict[str, object]:
    value: dict[str, object] = {}
    for _ in range(levels - 1):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    "config",
    [{}, {"servers": {"v0": {"args": ["a", 1, 1.5, None, True]}}}, {"a": "\\u0000"}, {"é": "☃ \U0001f600"}, nested(32)],
)
def test_a_json_object_is_kept_as_it_is(config: dict[str, Any]):
    assert NewInstallation(mcp_config=config).mcp_config == config


@pytest.mark.parametrize(
    "config",
    [
        [],
        "text",
        None,
        {"a": float("nan")},
        {"a": [float("inf")]},
        {"a": "\0"},
        {"\0": 1},
        {"a": ["x\\\0"]},
        {"a": "\ud800"},
        nested(33),
        nested(200),
    ],
)
def test_what_cannot_be_stored_or_shown_again_is_refused(config: object):
    with pytest.raises(ValidationError):
        NewInstallation.model_validate({"mcp_config": config})


def test_changes_keep_apart_what_is_absent_and_what_is_null():
    assert CHANGES.validate_python({}) == {}
    assert CHANGES.validate_python({"error_message": None}) == {"error_message": None}
    for wrong in (
        {"status": None},
        {"mcp_config": None},
        {"status": "done"},
        {"user_id": "x"},
        {"error_message": "\0"},
    ):
        with pytest.raises(ValidationError):
            CHANGES.validate_python(wrong)


def test_a_user_can_remove_their_key_but_not_their_address():
    assert USER_CHANGES.validate_python({"v0_api_key": None}) == {"v0_api_key": None}
    assert USER_CHANGES.validate_python({"email": " Ada@Example.TEST "}) == {"email": "ada@example.test"}
    for wrong in ({"email": None}, {"email": "ada"}, {"v0_api_key": ""}, {"subscription_plan": "pro"}):
        with pytest.raises(ValidationError):
            USER_CHANGES.validate_python(wrong)
