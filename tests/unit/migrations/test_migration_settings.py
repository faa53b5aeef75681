"""What the runner is told, and how it complains."""

import pytest
from psycopg.conninfo import conninfo_to_dict

from migrations.__main__ import main
from migrations.errors import SettingError
from migrations.settings import Target, settings

OWNER = "postgresql://owner:o-secret@db.example.com/app"
API = "postgresql://api:a-secret@pooler.example.com:6543/app?sslmode=require"
ADMIN = "postgresql://master:m-secret@db.example.com/postgres"
BOTH = {"OWNER_DATABASE_URL": OWNER, "DATABASE_URL": API}
VARIABLES = ("OWNER_DATABASE_URL", "DATABASE_URL", "ADMIN_DATABASE_URL", "MIGRATION_LOCK_WAIT_SECONDS")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def test_another_database_of_the_same_server_can_be_named() -> None:
    given = settings({**BOTH, "ADMIN_DATABASE_URL": ADMIN}, "restored")
    assert (given.owner.database, given.api.database) == ("restored", "restored")
    assert conninfo_to_dict(given.owner.url) == {**conninfo_to_dict(OWNER), "dbname": "restored"}
    assert given.admin == settings({**BOTH, "ADMIN_DATABASE_URL": ADMIN}).admin


def test_roles_passwords_and_the_database_come_from_the_urls() -> None:
    given = settings({**BOTH, "ADMIN_DATABASE_URL": ADMIN, "APP_VERSION": "1.2.3"})
    assert (given.owner.role, given.owner.password, given.owner.database) == ("owner", "o-secret", "app")
    assert (given.api.role, given.api.password) == ("api", "a-secret")
    assert given.admin is not None
    assert given.admin.role == "master"
    assert given.release == "1.2.3"


def test_an_external_database_needs_no_admin() -> None:
    assert settings({**BOTH, "ADMIN_DATABASE_URL": ""}).admin is None


def test_a_url_s_escapes_are_undone() -> None:
    assert Target.parse("X", "postgresql://o:p%40ss%2Fword@h/d").password == "p@ss/word"


def test_the_project_behind_a_role_s_name_belongs_to_supabase_s_pooler() -> None:
    url = "postgresql://api.projectref:x@aws-0-eu-west-1.pooler.supabase.com:6543/postgres"
    assert Target.parse("DATABASE_URL", url).role == "api"
    assert Target.parse("DATABASE_URL", "postgresql://dotted.name:x@db.example.com/app").role == "dotted.name"


def test_passwords_do_not_show_when_settings_are_printed() -> None:
    shown = repr(settings({**BOTH, "ADMIN_DATABASE_URL": ADMIN}))
    assert "secret" not in shown


@pytest.mark.parametrize("missing", ["OWNER_DATABASE_URL", "DATABASE_URL"])
@pytest.mark.parametrize("command", ["deploy", "roles", "upgrade", "plan"])
def test_a_missing_variable_is_named_in_one_line_and_exits_2(
    command: str, missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable, url in BOTH.items():
        if variable != missing:
            monkeypatch.setenv(variable, url)
    assert main([command]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {missing} is not set: set it to ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(
    "bad", ["mysql://a:hunter2@h/d", "hunter2", "postgresql://:hunter2@h/d", "postgresql://a:hunter2@h"]
)
def test_an_unusable_url_is_refused_without_being_repeated(bad: str) -> None:
    with pytest.raises(SettingError, match=r"OWNER_DATABASE_URL .*: write postgresql://") as caught:
        settings({**BOTH, "OWNER_DATABASE_URL": bad})
    assert "hunter2" not in str(caught.value)


def test_one_role_for_two_purposes_is_refused() -> None:
    with pytest.raises(SettingError, match="share a role"):
        settings({"OWNER_DATABASE_URL": OWNER, "DATABASE_URL": OWNER})


def test_an_unreadable_wait_is_refused() -> None:
    with pytest.raises(SettingError, match="MIGRATION_LOCK_WAIT_SECONDS is 'soon'"):
        settings({**BOTH, "MIGRATION_LOCK_WAIT_SECONDS": "soon"})


def test_an_unknown_revision_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "9999"]) == 2
    assert "there is no revision 9999: the newest is " in capsys.readouterr().err
