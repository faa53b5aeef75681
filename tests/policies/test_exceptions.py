"""Where controls are let off, and that it goes no further."""

import pytest

from policies.controls import CONTROLS
from policies.exceptions import EXCEPTIONS, let_off

BY_ID = {control.id: control for control in CONTROLS}


def urn(stack: str, name: str) -> str:
    return f"urn:pulumi:{stack}::nuggetwise::nuggetwise:aws:Database$aws:rds/instance:Instance::{name}"


@pytest.mark.parametrize("control", ["RDS.5", "ElastiCache.3"])
def test_staging_may_be_of_a_single_zone_and_production_may_not(control: str) -> None:
    assert let_off(control, urn("staging", "database"))
    assert not let_off(control, urn("production", "database"))
    assert not let_off(control, urn("another", "database"))


@pytest.mark.parametrize("name", ["database-url", "owner-database-url"])
def test_the_roles_of_the_database_are_rotated_by_command_in_every_stack(name: str) -> None:
    for stack in ("staging", "production"):
        assert let_off("SecretsManager.1", urn(stack, name))
        assert not let_off("SecretsManager.1", urn(stack, "reports"))


def test_every_exception_is_of_a_control_and_says_why() -> None:
    for exemption in EXCEPTIONS:
        assert exemption.control in BY_ID
        assert len(exemption.reason) > 40, exemption


def test_what_is_let_off_in_one_stack_is_mandatory_in_production() -> None:
    narrow = {exemption.control for exemption in EXCEPTIONS if exemption.stack != "*"}
    assert not any(let_off(control, urn("production", "database")) for control in narrow)
