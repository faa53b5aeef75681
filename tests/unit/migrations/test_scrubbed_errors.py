"""Errors never show a password."""

import pytest

import migrations.__main__ as command_line
from migrations.errors import MigrationError, scrubbed

SECRET = "p@ss/wo rd"


@pytest.mark.parametrize("form", [SECRET, "p%40ss%2Fwo%20rd", "p%40ss/wo%20rd", "p%40ss%2Fwo+rd"])
def test_a_secret_is_hidden_in_every_form_it_takes(form: str) -> None:
    assert scrubbed(f"cannot use <{form}>", [SECRET]) == "cannot use <***>"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("postgresql://o:hunter2@h/d failed", "postgresql://o:***@h/d failed"),
        ("host=h password=hunter2 dbname=d", "host=h password=*** dbname=d"),
        ("host=h PASSWORD = 'hunter 2' dbname=d", "host=h PASSWORD = *** dbname=d"),
        ("postgresql://h/d?password=hunter2&user=o", "postgresql://h/d?password=***&user=o"),
    ],
)
def test_what_is_shaped_like_a_password_is_hidden_even_if_unknown(message: str, shown: str) -> None:
    assert scrubbed(message, []) == shown


def test_an_empty_password_hides_nothing() -> None:
    assert scrubbed("as it was", [""]) == "as it was"


def test_a_fault_s_traceback_is_scrubbed_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fault(_: object) -> None:
        raise RuntimeError(f"no idea what to do with {SECRET} or %s" % "p%40ss%2Fwo%20rd")

    monkeypatch.setenv("OWNER_DATABASE_URL", "postgresql://o:p%40ss%2Fwo%20rd@h/d")
    monkeypatch.setenv("DATABASE_URL", "postgresql://a:b-secret@h/d")
    monkeypatch.setitem(command_line.COMMANDS, "deploy", fault)
    assert command_line.main(["deploy"]) == 1
    shown = capsys.readouterr().err
    assert "RuntimeError: no idea what to do with *** or ***" in shown
    assert "Traceback" in shown


@pytest.mark.parametrize("owner", ["postgresql://o:b-secret@h/d", "unusable"])
def test_the_administrator_s_password_is_hidden_also_where_another_setting_is_wrong(
    owner: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(_: object) -> None:
        raise MigrationError(f"the server says that {SECRET} and a-secret are wrong")

    monkeypatch.setenv("OWNER_DATABASE_URL", owner)
    monkeypatch.setenv("DATABASE_URL", "postgresql://a:a-secret@h/d")
    monkeypatch.setenv("ADMIN_DATABASE_URL", "postgresql://master@h/postgres")
    monkeypatch.setenv("PGPASSWORD", SECRET)
    monkeypatch.setitem(command_line.COMMANDS, "deploy", refused)
    assert command_line.main(["deploy"]) == 1
    assert capsys.readouterr().err == "error: the server says that *** and *** are wrong\n"
