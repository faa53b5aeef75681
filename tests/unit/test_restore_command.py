"""`make restore`: what it takes, what it refuses, and in which order it does what it does."""

import io
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.settings import Settings
from ops import lock, moment, restore, site
from ops.backup import Backup
from ops.errors import OperatorError
from ops.job import Ended, Line
from tests.infra.recording import cloud_settings

ID, OLDER = "20261124T041500Z-1a2b", "20261123T041500Z-9f9f"
RESTORED = "nuggetwise_restored_20261124t041500z_1a2b"
KEPT = "nuggetwise_before_20261124120000"
HEALTHY = {"services": {"database": {"status": "healthy"}}}

NOTHING = {"users": 0, "installations": 0, "usage": 0, "subscriptions": 0}
TWO_USERS = {**NOTHING, "users": 2}


def entry(id: str = ID, revision: str = "0024", state: str = "good") -> Line:
    return {
        "id": id,
        "created_at": f"{id[:4]}-{id[4:6]}-{id[6:8]}T04:15:00+00:00",
        "bytes": 13_400_000,
        "rows": 1234,
        "schema_revision": revision,
        "state": state,
        "superseded": False,
        "release": "0.1.0+abc",
    }


def a_backup(**changes: Any) -> Backup:
    given: dict[str, Any] = {
        "id": ID,
        "created_at": datetime(2026, 11, 24, 4, 15, tzinfo=UTC),
        "bytes": 1,
        "rows": 1234,
        "schema_revision": "0024",
        "state": "good",
        "superseded": False,
        "release": "0.1.0+abc",
    }
    return Backup(**{**given, **changes})


class Here:
    """A stack where all that is asked for succeeds and is remembered. `newer` is answered one after the other."""

    stack, schema_revision, migrations_urn, health_url, replicas = "dev", "0024", "urn:migrations", "http://here", 2

    def __init__(self, *newer: Mapping[str, int], backups: Sequence[Line] = (entry(),), migrated_to: str = "") -> None:
        self.did: list[str] = []
        self.jobs = self
        self._newer, self._backups, self._migrated_to = list(newer) or [NOTHING], backups, migrated_to or "0024"
        self.fails_at = ""

    def run(self, *arguments: str, as_administrator: bool = False) -> Ended:
        self._do(" ".join(arguments) + (" as administrator" if as_administrator else ""))
        match arguments[0]:
            case "backups":
                return Ended(0, list(self._backups))
            case "newer-than":
                return Ended(0, [dict(self._newer.pop(0) if len(self._newer) > 1 else self._newer[0])])
            case "switch":
                return Ended(0, [{"action": "switched", "kept": KEPT}])
            case _:
                return Ended(0, [])

    def begin(self) -> None:
        self._do("begin")

    def migrate(self, database: str) -> str:
        self._do(f"migrate {database}")
        return self._migrated_to

    @contextmanager
    def maintenance(self) -> Generator[None]:
        self._do("maintenance")
        try:
            yield
        finally:
            self._do("maintenance is over")

    def forget_cached(self) -> None:
        self._do("forget what is cached")

    def newest_kept(self) -> str:
        return KEPT

    def how_to_look(self, database: str) -> str:
        return f"look at {database}"

    def _do(self, what: str) -> None:
        self.did.append(what)
        if self.fails_at and what.startswith(self.fails_at):
            raise OperatorError(f"{what} failed")


Deployed = Callable[[Here], Here]


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Deployed:
    """Makes a stack the one that commands find; its API is healthy, and nobody is at a terminal."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    answer_health(monkeypatch, HEALTHY)

    def put(here: Here) -> Here:
        def found(_stack: str) -> Here:
            return here

        monkeypatch.setattr(site, "of", found)
        return here

    return put


def answer_health(monkeypatch: pytest.MonkeyPatch, document: object) -> None:
    def answered(_asked: object, **_how: object) -> io.BytesIO:
        return io.BytesIO(json.dumps(document).encode())

    monkeypatch.setattr("urllib.request.urlopen", answered)


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, answer: str) -> list[str]:
    """Somebody answers; what they were asked."""
    asked: list[str] = []

    def give(question: str) -> str:
        asked.append(question)
        return answer

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", give)
    return asked


IN_PLACE = [
    "maintenance",
    f"newer-than {ID}",
    f"switch {RESTORED} as administrator",
    "forget what is cached",
    "maintenance is over",
]
BESIDE = [f"restore {ID} --into {RESTORED} as administrator", f"migrate {RESTORED}"]


def test_the_api_serves_until_the_restored_database_is_complete(deployed: Deployed) -> None:
    here = deployed(Here())
    assert restore.restore("dev", "latest", yes=True) == 0
    assert here.did == ["begin", "backups", f"newer-than {ID}", *BESIDE, *IN_PLACE]


def test_it_ends_with_what_was_restored_and_the_way_back(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed(Here())
    restore.restore("dev", "latest", yes=True)
    said = capsys.readouterr()
    assert f"dev serves backup {ID} (2026-11-24 04:15:00 UTC, 1,234 rows, schema 0024)" in said.out
    assert f"make restore BACK={KEPT} STACK=dev" in said.err


def test_into_a_database_beside_nothing_is_interrupted_nor_asked(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    here = deployed(Here(TWO_USERS))
    assert restore.restore("dev", ID, into="inquest") == 0
    assert here.did == ["backups", f"restore {ID} --into inquest as administrator", "migrate inquest"]
    assert "look at inquest" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["nuggetwise", "postgres", "No", "a-b", "a;b", KEPT, RESTORED, "x" * 52])
def test_a_database_beside_takes_no_name_that_is_ours(deployed: Deployed, name: str) -> None:
    here = deployed(Here())
    with pytest.raises(OperatorError, match=f"INTO={name}"):
        restore.restore("dev", ID, into=name)
    assert not here.did


@pytest.mark.parametrize(("yes", "said"), [(True, "YES=1 alone does not"), (False, "FORCE=1 puts that aside")])
def test_newer_data_is_not_overwritten_without_being_told(deployed: Deployed, *, yes: bool, said: str) -> None:
    here = deployed(Here(TWO_USERS))
    with pytest.raises(OperatorError, match=f"(?s)2 rows of users.*{said}"):
        restore.restore("dev", ID, yes=yes)
    assert here.did == ["begin", "backups", f"newer-than {ID}"]


def test_force_overwrites_newer_data_and_looks_no_second_time(deployed: Deployed) -> None:
    here = deployed(Here(TWO_USERS))
    restore.restore("dev", ID, force=True)
    assert here.did[-4:] == [step for step in IN_PLACE if not step.startswith("newer-than")]


def test_with_force_a_database_that_cannot_be_asked_is_replaced(deployed: Deployed) -> None:
    here = deployed(Here())
    here.fails_at = "newer-than"
    restore.restore("dev", ID, force=True)
    assert here.did[-1] == "maintenance is over"
    with pytest.raises(OperatorError, match="newer-than"):
        restore.restore("dev", ID, yes=True)


def test_what_was_written_meanwhile_is_seen_before_it_is_too_late(deployed: Deployed) -> None:
    here = deployed(Here(NOTHING, {**NOTHING, "usage": 1}))
    with pytest.raises(OperatorError, match=r"1 row of usage.*was not replaced"):
        restore.restore("dev", ID, yes=True)
    assert here.did[-2:] == [f"newer-than {ID}", "maintenance is over"]


def test_without_a_terminal_nobody_agrees_by_silence(deployed: Deployed) -> None:
    here = deployed(Here())
    with pytest.raises(OperatorError, match="without a terminal, say so: YES=1"):
        restore.restore("dev", ID)
    assert f"restore {ID}" not in " ".join(here.did)


def test_the_question_tells_what_is_lost_and_the_stacks_name_agrees(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = deployed(Here(TWO_USERS))
    asked = at_a_terminal(monkeypatch, "dev")
    assert restore.restore("dev", ID) == 0
    assert "2 rows of users" in asked[0]
    assert here.did[-1] == "maintenance is over"


def test_any_other_answer_changes_nothing(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    here = deployed(Here())
    at_a_terminal(monkeypatch, "yes")
    with pytest.raises(OperatorError, match="nothing was changed"):
        restore.restore("dev", ID)
    assert here.did == ["begin", "backups", f"newer-than {ID}"]


def test_the_latest_is_the_newest_good_one() -> None:
    found = [a_backup(state="unverified"), a_backup(id=OLDER)]
    assert restore.choose(found, "latest", "dev", force=False).id == OLDER
    with pytest.raises(OperatorError, match="has no good backup; `make backups STACK=dev`"):
        restore.choose(found[:1], "latest", "dev", force=True)


def test_an_unverified_backup_takes_force() -> None:
    found = [a_backup(state="unverified")]
    with pytest.raises(OperatorError, match=r"was not verified yet.*FORCE=1"):
        restore.choose(found, ID, "dev", force=False)
    assert restore.choose(found, ID, "dev", force=True).id == ID


def test_a_broken_backup_is_refused_whatever_is_said() -> None:
    with pytest.raises(OperatorError, match=r"cannot be used: broken: its dump is not there"):
        restore.choose([a_backup(state="broken: its dump is not there")], ID, "dev", force=True)


def test_an_unknown_id_is_told_where_the_known_ones_are() -> None:
    with pytest.raises(OperatorError, match=r"has no backup 2026; `make backups STACK=dev` lists them"):
        restore.choose([a_backup()], "2026", "dev", force=True)


def test_a_backup_of_a_newer_schema_is_refused_and_an_older_one_migrated() -> None:
    restore.check_revision(a_backup(schema_revision="0023"), "0024", "dev")
    with pytest.raises(
        OperatorError, match=r"has the schema 0025 of release 0\.1\.0\+abc.*only 0024: deploy a release"
    ):
        restore.check_revision(a_backup(schema_revision="0025"), "0024", "dev")


def test_a_schema_that_differs_from_what_the_state_says_is_told_with_the_cure(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed(Here(migrated_to="0023"))
    restore.restore("dev", ID, yes=True)
    assert "pulumi up -s dev --replace 'urn:migrations'" in capsys.readouterr().err


@pytest.mark.parametrize("step", ["restore", "migrate"])
def test_what_fails_beside_the_live_database_interrupts_nobody(deployed: Deployed, step: str) -> None:
    here = deployed(Here())
    here.fails_at = step
    with pytest.raises(OperatorError, match="failed"):
        restore.restore("dev", ID, yes=True)
    assert "maintenance" not in here.did


def test_maintenance_is_over_when_the_switch_fails(deployed: Deployed) -> None:
    here = deployed(Here())
    here.fails_at = "switch"
    with pytest.raises(OperatorError, match="switch"):
        restore.restore("dev", ID, yes=True)
    assert here.did[-1] == "maintenance is over"


def test_an_api_that_does_not_come_back_is_told_with_the_way_back(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = deployed(Here())
    answer_health(monkeypatch, {"services": {"database": {"status": "unhealthy"}}})
    monkeypatch.setattr(restore, "HEALTHY_WITHIN", 0.3)
    with pytest.raises(OperatorError, match=f"(?s)does not call it healthy.*make restore BACK={KEPT}"):
        restore.restore("dev", ID, yes=True)
    assert here.did[-1] == "maintenance is over"


@pytest.mark.parametrize("asked", ["1", KEPT])
def test_going_back_migrates_what_was_kept_and_puts_it_in_place(deployed: Deployed, asked: str) -> None:
    here = deployed(Here())
    assert restore.back("dev", asked, yes=True) == 0
    assert here.did == [
        "begin",
        f"migrate {KEPT}",
        "maintenance",
        f"switch {KEPT} as administrator",
        "forget what is cached",
        "maintenance is over",
    ]


def test_going_back_asks_too(deployed: Deployed) -> None:
    here = deployed(Here())
    with pytest.raises(OperatorError, match="YES=1"):
        restore.back("dev", "1")
    assert here.did == ["begin"]


def test_a_stack_that_is_being_changed_is_not_restored_into(deployed: Deployed) -> None:
    here = deployed(Here())
    with lock.held("dev"), pytest.raises(OperatorError, match="is being changed by process"):
        restore.restore("dev", ID, yes=True)
    assert not here.did


NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)


def production(**database: Any) -> Settings:
    made = cloud_settings()
    return made.model_copy(update={"database": made.database.model_copy(update=database)})


def test_to_a_moment_a_cloud_stack_is_taken_by_its_settings() -> None:
    told = moment.steps_to(production(), "2026-11-24 13:00:00+01", NOW)
    assert "nuggetwise:database.generation 2" in told
    assert "nuggetwise:database.restore.source nuggetwise-production-database-1" in told
    assert "nuggetwise:database.restore.time 2026-11-24T12:00:00Z" in told
    assert told.splitlines()[-1].strip() == "pulumi up -s production --policy-pack policies"


def test_the_latest_moment_is_rdss_own() -> None:
    assert "database.restore.time latest" in moment.steps_to(production(), "latest", NOW)


def test_a_moment_of_a_database_that_lives_elsewhere_is_not_ours() -> None:
    with pytest.raises(OperatorError, match="lives elsewhere"):
        moment.steps_to(production(kind="external"), "latest", NOW)
