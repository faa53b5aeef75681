"""The runbooks name commands that there are, and those that the drill recovers by."""

import re
from collections.abc import Iterator

import pytest

from drill.failures import FAILURES, Failure
from infra.release import ROOT

RUNBOOKS = ("README.md", "docs/bootstrap.md", "docs/recovery.md", "docs/shipping.md")


def targets() -> dict[str, str]:
    """The Makefile's targets, each with what it needs and does."""
    text = (ROOT / "Makefile").read_text()
    found = re.finditer(r"^([a-z-]+):([^\n]*\n(?:\t[^\n]*\n?)+)", text, re.MULTILINE)
    return {match[1]: match[2] for match in found}


def commands(file: str) -> Iterator[str]:
    """Each `make …` of a runbook, in its blocks and in its text."""
    text = (ROOT / file).read_text()
    yield from re.findall(r"(?:^\$ |`)(make [a-z][^`#\n]*)", text, re.MULTILINE)


@pytest.mark.parametrize("file", RUNBOOKS)
def test_every_command_of_a_runbook_is_a_target_that_takes_its_variables(file: str) -> None:
    known, seen = targets(), list(commands(file))
    assert seen, f"{file} names no command"
    for command in seen:
        target = command.split()[1]
        assert target in known, f"{file}: `{command.strip()}` is no target of the Makefile"
        for variable in re.findall(r"\b([A-Z]+)=", command):
            # STACK is exported to every recipe.
            assert variable == "STACK" or f"({variable})" in known[target], f"{file}: {command}: {variable}"


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: f"{failure.name}, {failure.recovered_by}")
def test_what_the_drill_recovers_by_is_in_the_runbook(failure: Failure) -> None:
    runbook = list(commands("docs/recovery.md"))
    for step in failure.recovered_by.split(", "):
        if step.startswith("make "):
            assert any(command.startswith(step) for command in runbook), f"docs/recovery.md does not say `{step}`"
