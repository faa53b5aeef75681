"""`make restore` of a cloud stack: its tasks, and maintenance by its setting."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from infra import settings
from infra.settings import Settings
from ops import engine, restore, stack_file, task
from ops.errors import OperatorError
from ops.task import Order
from tests.infra.recording import cloud_settings

from .production import OUTPUTS
from .test_restore_command import ID, KEPT, NOTHING, RESTORED, answer_health, entry

DEPLOYED = OUTPUTS | {"schema_revision": "0024", "ops_task": "arn:ops"}
STATE = {"deployment": {"resources": [{"type": engine.MIGRATIONS, "urn": "urn:migrations"}]}}
SAID = {
    "backups": [entry()],
    "newer-than": [NOTHING],
    "switch": [{"action": "switched", "kept": KEPT}],
    "migrations": [{"schema_revision": "0024", "applied": []}],
}


class Production:
    """The engine and the tasks of a stack; `did` is what was asked of both, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, given: Settings) -> None:
        self.did: list[str] = []
        self.fails_at: Sequence[str] = ()

        def load(_stack: str) -> Settings:
            return given

        def export(_stack: str) -> dict[str, Any]:
            return STATE

        monkeypatch.setattr(stack_file, "load", load)
        monkeypatch.setattr(engine, "export", export)
        monkeypatch.setattr(engine, "ask", self._ask)
        monkeypatch.setattr(engine, "pulumi", self._pulumi)
        monkeypatch.setattr(task, "carry_out", self._carry_out)

    def _ask(self, *arguments: str) -> str:
        if arguments[:2] == ("stack", "output"):
            return json.dumps(DEPLOYED)
        self.did.append(" ".join(arguments))
        return ""

    def _pulumi(self, *arguments: str) -> int:
        self.did.append(" ".join(arguments))
        return int(arguments[0] in self.fails_at)

    def _carry_out(self, _settings: Settings, _outputs: Any, order: Order, tell: Any) -> int:
        *_, what = order.command[:4]
        self.did.append(f"{order.definition} {order.container}: {' '.join(order.command)}")
        if what in self.fails_at:
            return 1
        tell("a line for people")
        for line in SAID.get("migrations" if order.container == "migrations" else what, []):
            tell(json.dumps(line))
        return 0


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Production:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    answer_health(monkeypatch, {"services": {"database": {"status": "healthy"}}})
    return Production(monkeypatch, cloud_settings())


OPS, ADMIN = "arn:ops job: python3 -m jobs", "nuggetwise-production-restore job: python3 -m jobs"
MAINTENANCE = f"--stack production {settings.PROJECT}:maintenance"
UP = "up --stack production --yes --skip-preview"
BESIDE = [
    f"{ADMIN} restore {ID} --into {RESTORED}",
    f"nuggetwise-production-migrations migrations: python -m migrations deploy --database {RESTORED}",
]


def test_tasks_do_the_work_and_the_setting_begins_and_ends_the_maintenance(production: Production) -> None:
    assert restore.restore("production", ID, yes=True) == 0
    assert production.did == [
        "preview --stack production --expect-no-changes",
        f"{OPS} backups",
        f"{OPS} newer-than {ID}",
        *BESIDE,
        f"config set {MAINTENANCE} true",
        UP,
        f"{OPS} newer-than {ID}",
        f"{ADMIN} switch {RESTORED}",
        f"config rm {MAINTENANCE}",
        UP,
    ]


def test_a_clone_that_asks_for_more_than_is_deployed_is_refused(production: Production) -> None:
    production.fails_at = ("preview",)
    with pytest.raises(OperatorError, match="is not deployed"):
        restore.restore("production", ID, yes=True)
    assert len(production.did) == 1


def test_beside_the_live_database_no_setting_changes(production: Production) -> None:
    assert restore.restore("production", ID, into="inquest") == 0
    assert not [each for each in production.did if each.startswith(("config", "up", "preview"))]


def test_maintenance_that_could_not_begin_is_taken_back_and_nothing_replaced(production: Production) -> None:
    production.fails_at = ("up",)
    with pytest.raises(OperatorError, match=r"the update that was to .* the maintenance failed"):
        restore.restore("production", ID, yes=True)
    assert f"{ADMIN} switch {RESTORED}" not in production.did
    assert production.did[-2:] == [f"config rm {MAINTENANCE}", UP]


def test_maintenance_ends_when_the_switch_fails(production: Production) -> None:
    production.fails_at = ("switch",)
    with pytest.raises(OperatorError, match="`switch` failed"):
        restore.restore("production", ID, yes=True)
    assert production.did[-2:] == [f"config rm {MAINTENANCE}", UP]


def test_going_back_wants_the_name_that_the_restore_told(production: Production) -> None:
    with pytest.raises(OperatorError, match=f"BACK={KEPT[:18]}"):
        restore.back("production", "1", yes=True)
    assert restore.back("production", KEPT, yes=True) == 0
    assert f"{ADMIN} switch {KEPT}" in production.did


def test_a_database_that_lives_elsewhere_is_not_restored_from_here(
    production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = cloud_settings()
    elsewhere = given.model_copy(update={"database": given.database.model_copy(update={"kind": "external"})})

    def load(_stack: str) -> Settings:
        return elsewhere

    monkeypatch.setattr(stack_file, "load", load)
    with pytest.raises(OperatorError, match="lives elsewhere"):
        restore.restore("production", ID, yes=True)
    assert not production.did
