"""What stacks said of themselves, read while one of them is being changed."""

from types import SimpleNamespace
from typing import Any

import pytest

from infra import stack_outputs


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the engine answers, one reading after the other."""
    given: list[Any] = []

    def invoke(_token: str, _arguments: dict[str, Any]) -> Any:
        answer = given.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(value={"outputs": answer})

    monkeypatch.setattr(stack_outputs.pulumi.runtime, "invoke", invoke)
    monkeypatch.setattr(stack_outputs, "PAUSE", 0.0)
    return given


def test_a_state_that_is_just_being_written_is_read_again(answers: list[Any]) -> None:
    half = Exception("invocation of pulumi:pulumi:readStackOutputs returned an error: failed to load checkpoint: EOF")
    answers += [half, half, {"image": "x"}]
    assert stack_outputs.of("organization/nuggetwise/staging") == {"image": "x"}


def test_another_error_is_told_at_once(answers: list[Any]) -> None:
    answers += [Exception("access denied"), {}]
    with pytest.raises(Exception, match="access denied"):
        stack_outputs.of("organization/nuggetwise/staging")


def test_a_state_that_stays_broken_is_told_in_the_end(answers: list[Any]) -> None:
    answers += [Exception("failed to load checkpoint: EOF")] * stack_outputs.READINGS
    with pytest.raises(Exception, match="failed to load checkpoint"):
        stack_outputs.of("organization/nuggetwise/staging")
    assert not answers
