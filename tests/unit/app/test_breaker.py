"""The circuit breaker: when it opens, whom it lets probe, and what counts."""

from contextlib import suppress

import pytest

from app import breaker
from app.breaker import Breaker, Open


class Down(Exception):
    pass


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(breaker, "time", clock)
    return clock


@pytest.fixture
def watched() -> Breaker:
    return Breaker(Down)


def call(watched: Breaker, error: Exception | None = None) -> None:
    with suppress(Down, ValueError), watched.watch():
        if error:
            raise error


def fail(watched: Breaker, times: int) -> None:
    for _ in range(times):
        call(watched, Down())


@pytest.mark.usefixtures("clock")
def test_five_failures_in_a_row_open_it_for_a_while(watched: Breaker):
    fail(watched, 4)
    watched.check()
    fail(watched, 1)
    with pytest.raises(Open) as caught:
        call(watched)
    assert caught.value.retry_after == 15
    with pytest.raises(Open):
        watched.check()


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("answer", [None, ValueError("a refusal is an answer")])
def test_an_answer_between_failures_starts_the_count_anew(watched: Breaker, answer: Exception | None):
    fail(watched, 4)
    call(watched, answer)
    fail(watched, 4)
    watched.check()


def test_after_its_rest_one_call_probes_and_the_others_wait_for_it(watched: Breaker, clock: Clock):
    fail(watched, 5)
    clock.now += 15
    watched.check()
    with watched.watch(), pytest.raises(Open):
        call(watched)
    watched.check()
    fail(watched, 4)
    watched.check()


def test_a_probe_that_fails_opens_it_again(watched: Breaker, clock: Clock):
    fail(watched, 5)
    clock.now += 14.9
    with pytest.raises(Open) as caught:
        watched.check()
    assert caught.value.retry_after == 1
    clock.now += 0.2
    fail(watched, 1)
    with pytest.raises(Open) as caught:
        watched.check()
    assert caught.value.retry_after == 15
