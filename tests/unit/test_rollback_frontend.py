"""`make rollback-frontend` against a fake of Vercel, over HTTP."""

import contextlib
import io
import json
import threading
import time
import urllib.request
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn

from infra.settings import Settings
from ops import rollback_frontend as command
from ops import stack_file, vercel
from ops.errors import OperatorError
from tests.fakes.vercel import Fake, create_app
from tests.infra.recording import cloud_settings

TOKEN = "vct_8Kq3vT1xZ6mB9nR4"
TEAM = "team_nuggetwise"
NEW, BEFORE, OLD = "dpl_3", "dpl_2", "dpl_1"


def deployment(number: int, **more: Any) -> dict[str, Any]:
    meta = {"githubCommitRef": "main", "githubCommitSha": f"{number}" * 40}
    made = {"uid": f"dpl_{number}", "url": f"web-{number}.vercel.app", "created": number * 86_400_000, "meta": meta}
    return {**made, **more}


def preview(number: int, branch: str) -> dict[str, Any]:
    return deployment(number, target=None, meta={"githubCommitRef": branch})


@dataclass
class Service:
    """The fake at its address."""

    url: str

    def told(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/_control") as answer:
            return json.load(answer)

    def tell(self, **behaviour: Any) -> None:
        urllib.request.urlopen(f"{self.url}/_control", json.dumps(behaviour).encode()).close()


@contextlib.contextmanager
def served(fake: Fake) -> Generator[Service]:
    server = uvicorn.Server(uvicorn.Config(create_app(fake), port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Service(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    server.should_exit = server.force_exit = True
    thread.join()


def settings(environment: str = "production") -> Settings:
    frontend = {"repository": "nuggetwise/web", "stripe_publishable_key": "pk_live_1", "team": TEAM}
    branch = "main" if environment == "production" else "staging"
    return cloud_settings(environment, frontend={**frontend, "branch": branch})


def prepared(patch: pytest.MonkeyPatch, service: Service, stack: Settings) -> None:
    def load(_: str) -> Settings:
        return stack

    patch.setattr(stack_file, "load", load)
    patch.setattr(vercel, "FIRST_PAUSE", 0.01)
    patch.setattr(command, "POLL", 0.01)
    patch.setenv("VERCEL_API_TOKEN", TOKEN)
    patch.setenv("VERCEL_API_URL", service.url)


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    made = [deployment(3), deployment(2), deployment(1)]
    others = [preview(8, "topic"), deployment(9, state="ERROR"), deployment(7, isRollbackCandidate=False)]
    with served(Fake(TOKEN, "nuggetwise-production-web", "nuggetwise.com", [*made, *others], TEAM)) as service:
        prepared(monkeypatch, service, settings())
        yield service


@pytest.fixture
def staging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    made = [preview(3, "staging"), preview(2, "staging"), preview(4, "topic"), deployment(1)]
    with served(Fake(TOKEN, "nuggetwise-staging-web", "staging.nuggetwise.com", made, TEAM)) as service:
        prepared(monkeypatch, service, settings("staging"))
        yield service


def rolled_back(to: str = "", stack: str = "production") -> int:
    return command.rollback_frontend(stack, to=to, yes=True)


def test_the_domain_shows_the_deployment_before_and_both_are_named(
    production: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rolled_back() == 0
    assert production.told()["shown"] == BEFORE
    said = capsys.readouterr().out
    assert f"nuggetwise.com shows {NEW} of 1970-01-04 00:00 UTC, commit 33333333, https://web-3.vercel.app" in said
    assert f"It would show {BEFORE} of 1970-01-03" in said
    assert f"nuggetwise.com shows {BEFORE} after" in said
    assert "Vercel shows no new build by itself from now on" in said


def test_again_leads_further_back(production: Service) -> None:
    rolled_back()
    rolled_back()
    assert production.told()["shown"] == OLD


@pytest.mark.parametrize("to", [OLD, "web-1.vercel.app", "https://web-1.vercel.app/"])
def test_any_ready_deployment_can_be_named_by_its_id_or_its_address(production: Service, to: str) -> None:
    assert rolled_back(to) == 0
    assert production.told()["shown"] == OLD


def test_a_newer_one_is_promoted_which_ends_the_rollback(
    production: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    rolled_back()
    assert production.told()["auto_assign"] is False, "new builds wait"
    assert rolled_back(NEW) == 0
    told = production.told()
    assert (told["shown"], told["auto_assign"]) == (NEW, True)
    assert "New builds are shown by themselves again" in capsys.readouterr().out


def test_what_is_shown_already_is_left_alone(production: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert rolled_back(NEW) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert not [asked for asked in production.told()["asked"] if asked.startswith("POST")]


@pytest.mark.parametrize("to", ["dpl_unknown", "dpl_8", "dpl_9", "dpl_7"])
def test_what_cannot_serve_is_refused_with_what_can(production: Service, to: str) -> None:
    with pytest.raises(OperatorError, match=f"TO={to}: is no deployment that nuggetwise.com could show") as caught:
        rolled_back(to)
    assert "web-2.vercel.app" in str(caught.value)
    assert production.told()["shown"] == NEW


def test_the_first_deployment_has_none_before_it(production: Service) -> None:
    rolled_back(OLD)
    with pytest.raises(OperatorError, match=r"has none before that one\. Nothing was changed"):
        rolled_back()
    assert production.told()["shown"] == OLD


def test_stagings_host_is_assigned_to_the_preview_of_its_branch_before(
    staging: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rolled_back(stack="staging") == 0
    told = staging.told()
    assert told["shown"] == BEFORE
    assert "POST /v2/deployments/dpl_2/aliases" in told["asked"]
    assert "The next build of branch staging is shown again by itself" in capsys.readouterr().out


@pytest.mark.parametrize("to", ["dpl_4", "dpl_1"])
def test_staging_shows_no_other_branch_and_no_production_build(staging: Service, to: str) -> None:
    with pytest.raises(OperatorError, match="is no deployment that staging"):
        rolled_back(to, "staging")
    assert staging.told()["shown"] == NEW


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_tried_again(production: Service, status: int) -> None:
    production.tell(status=status, times=vercel.TRIES - 1)
    assert rolled_back() == 0
    assert production.told()["shown"] == BEFORE


def test_a_limit_is_waited_for_as_long_as_vercel_asks(production: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    production.tell(status=429, retry_after=7, times=1)
    rolled_back()
    assert pauses[0] == 7.0
    production.tell(status=429, retry_after=100_000, times=1)
    rolled_back()
    assert max(pauses) == vercel.LONGEST_PAUSE


def test_an_answer_that_does_not_come_is_asked_for_again(production: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vercel, "TIMEOUT", 0.2)
    production.tell(seconds=1.0, times=1)
    assert rolled_back() == 0


@pytest.mark.parametrize("behaviour", [{"status": 500}, {"status": 429}, {"lie": "text"}])
def test_an_api_that_stays_down_is_an_error_that_says_so(production: Service, behaviour: dict[str, Any]) -> None:
    production.tell(**behaviour)
    with pytest.raises(OperatorError, match="Vercel does not answer"):
        rolled_back()
    assert len(production.told()["asked"]) == vercel.TRIES


def test_an_api_that_is_not_there_is_an_error_that_says_so(
    production: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERCEL_API_URL", "http://127.0.0.1:9")
    with pytest.raises(OperatorError, match="Connection refused"):
        rolled_back()


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "Vercel refuses VERCEL_API_TOKEN: Told to fail"),
        (403, "may deploy in team team_nuggetwise"),
        (402, "the plan of team team_nuggetwise does not allow that"),
        (404, "Vercel knows no project nuggetwise-production-web in team team_nuggetwise"),
        (409, "already moving the domains"),
        (400, "HTTP 400"),
    ],
)
def test_a_refusal_is_not_repeated_and_says_what_to_do(production: Service, status: int, told: str) -> None:
    production.tell(status=status)
    with pytest.raises(OperatorError, match=told):
        rolled_back()
    assert len(production.told()["asked"]) == 1


def test_a_wrong_token_is_refused_and_never_shown(
    production: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VERCEL_API_TOKEN", "vct_wrong")
    with pytest.raises(OperatorError, match="Not authorized") as caught:
        rolled_back()
    shown = str(caught.value) + "".join(capsys.readouterr()) + repr(vercel.Vercel("vct_wrong"))
    assert "vct_wrong" not in shown


def test_without_a_token_nobody_is_asked(production: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VERCEL_API_TOKEN")
    with pytest.raises(OperatorError, match="VERCEL_API_TOKEN is not set"):
        rolled_back()
    assert production.told()["asked"] == []


def test_it_waits_until_the_domain_shows_it(production: Service) -> None:
    production.tell(looks=5)
    assert rolled_back() == 0
    told = production.told()
    assert told["shown"] == BEFORE
    assert len([asked for asked in told["asked"] if asked == "GET /v4/aliases/nuggetwise.com"]) > 4


def test_a_domain_that_did_not_move_fails(production: Service) -> None:
    production.tell(move="failed")
    with pytest.raises(OperatorError, match="did not move every domain to dpl_2"):
        rolled_back()


def test_a_rollback_that_does_not_come_is_given_up(production: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LONGEST_MOVE", 0.1)
    production.tell(move="never")
    with pytest.raises(OperatorError, match="does not show dpl_2 after 0 s"):
        rolled_back()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "shown"), [("y\n", BEFORE), ("yes\n", BEFORE), ("n\n", NEW), ("\n", NEW)])
def test_it_asks_first(production: Service, monkeypatch: pytest.MonkeyPatch, answer: str, shown: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    with contextlib.nullcontext() if shown == BEFORE else pytest.raises(OperatorError, match="nothing was changed"):
        command.rollback_frontend("production", to="", yes=False)
    assert production.told()["shown"] == shown


def test_where_nobody_can_be_asked_it_has_to_be_told(production: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(OperatorError, match="YES=1 agrees beforehand"):
        command.rollback_frontend("production", to="", yes=False)
    assert production.told()["asked"] == []


def test_a_dev_stack_has_no_frontend() -> None:
    with pytest.raises(OperatorError, match="dev is a dev stack"):
        rolled_back(stack="dev")
