"""A secret is replaced without a moment in which what it protects is lost: the settings, the resource, the command."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from infra import settings
from infra.rotating_secret import RotatingSecretProvider, accepted
from infra.settings import Keys, Rotation, Rotations
from ops import rotate as command
from ops import stack_file, task
from ops.errors import OperatorError
from ops.rotate import Change, plan, rotate
from tests.infra.recording import cloud_settings

from .production import OUTPUTS

PROVIDER = RotatingSecretProvider()


def asked(number: int, retired: int | None = None) -> dict[str, Any]:
    """The inputs of a RotatingSecret, as the engine hands them over."""
    rotation = Rotation(number=number, retired=number if retired is None else retired)
    return {"rotation": rotation.number, "retired": rotation.is_retired, "value": None, "previous": None}


def deployed(*steps: dict[str, Any]) -> dict[str, Any]:
    """What the state holds after each of the steps was deployed."""
    outs: dict[str, Any] = PROVIDER.create(steps[0]).outs or {}
    for step in steps[1:]:
        if PROVIDER.diff("id", outs, step).changes:
            outs = PROVIDER.update("id", outs, step).outs or {}
    return outs


def test_a_secret_is_256_random_bits_and_has_no_value_before_it() -> None:
    one, other = deployed(asked(0)), deployed(asked(0))
    assert one["value"] != other["value"]
    assert len(bytes.fromhex(one["value"])) == 32
    assert one["previous"] == "", "an empty text: the state keeps no None over a refresh"


def test_a_higher_number_makes_a_new_value_and_keeps_the_one_before() -> None:
    before = PROVIDER.create(asked(0)).outs or {}
    after = PROVIDER.update("id", before, asked(1, retired=0)).outs or {}
    assert after["previous"] == before["value"] != after["value"]


def test_retiring_drops_the_value_before_and_nothing_else() -> None:
    rotated = deployed(asked(0), asked(1, retired=0))
    retired = PROVIDER.update("id", rotated, asked(1)).outs or {}
    assert retired == {**rotated, "retired": True, "previous": ""}


def test_with_nothing_asked_for_nothing_changes() -> None:
    for steps in ([asked(0)], [asked(0), asked(1, retired=0)], [asked(0), asked(1, retired=0), asked(1)]):
        assert not PROVIDER.diff("id", deployed(*steps), steps[-1]).changes


def test_a_value_is_never_retired_by_the_update_that_replaces_it() -> None:
    before = PROVIDER.create(asked(0)).outs or {}
    both_at_once = PROVIDER.update("id", before, asked(1)).outs or {}
    assert both_at_once["previous"] == before["value"], "what it encrypted could be read by nobody"
    assert PROVIDER.diff("id", both_at_once, asked(1)).changes, "the next update retires it"
    assert (PROVIDER.update("id", both_at_once, asked(1)).outs or {})["previous"] == ""


def test_a_rotation_is_an_update_in_place() -> None:
    diff = PROVIDER.diff("id", deployed(asked(0)), asked(1, retired=0))
    assert diff.changes
    assert not diff.replaces


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1))
def test_whatever_is_asked_for_in_whatever_order_a_value_changes_only_by_a_higher_number(
    wishes: list[tuple[int, bool]],
) -> None:
    outs: dict[str, Any] = PROVIDER.create(asked(0)).outs or {}
    highest = 0
    for number, retired in wishes:
        step = {"rotation": number, "retired": retired, "value": None, "previous": None}
        before = outs
        if PROVIDER.diff("id", outs, step).changes:
            outs = PROVIDER.update("id", outs, step).outs or {}
        assert (outs["value"] != before["value"]) == (number > highest)
        assert outs["value"] == before["value"] or outs["previous"] == before["value"]
        highest = max(highest, number)
        assert outs["rotation"] == highest


def test_the_new_value_comes_first_where_both_are_accepted() -> None:
    assert accepted("new", "old") == "new,old"
    assert accepted("new", "") == "new"


def test_more_retired_than_rotated_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rotations\.jwt_secret\.retired: is 2, above rotations\.jwt_secret\.number"):
        cloud_settings(rotations={"jwt_secret": {"number": 1, "retired": 2}})


def test_a_secret_that_nobody_knows_is_told_with_those_that_there_are() -> None:
    config = {"nuggetwise:environment": "staging", "nuggetwise:rotations": '{"jwt": {"number": 1}}'}
    with pytest.raises(settings.SettingsError, match=r"rotations\.jwt: unknown setting; known here: .*jwt_secret"):
        settings.parse("staging", config)


def test_a_secret_that_never_was_rotated_is_retired() -> None:
    assert cloud_settings().rotations.encryption_key.is_retired
    assert not cloud_settings(rotations={"encryption_key": {"number": 1}}).rotations.encryption_key.is_retired


def with_rotation(secret: str, number: int, retired: int) -> settings.Settings:
    return cloud_settings("production", rotations={secret: {"number": number, "retired": retired}})


@pytest.mark.parametrize("secret", Rotations.model_fields)
def test_each_rotation_counts_one_up(secret: str) -> None:
    assert plan(with_rotation(secret, 3, 3), secret, retire=False) == Change(f"rotations.{secret}.number", 4)


@pytest.mark.parametrize("secret", command.RETIRE_WHEN)
def test_what_is_accepted_beside_its_successor_is_retired_before_it_is_rotated_again(secret: str) -> None:
    under_way = with_rotation(secret, 3, 2)
    with pytest.raises(OperatorError, match=f"make rotate SECRET={secret} STACK=production RETIRE=1"):
        plan(under_way, secret, retire=False)
    assert plan(under_way, secret, retire=True) == Change(f"rotations.{secret}.retired", 3)
    with pytest.raises(OperatorError, match="has nothing to retire"):
        plan(with_rotation(secret, 3, 3), secret, retire=True)


@pytest.mark.parametrize("secret", ["database_owner_password", "database_api_password"])
def test_a_database_password_has_nothing_to_retire_and_is_rotated_at_will(secret: str) -> None:
    assert plan(with_rotation(secret, 1, 0), secret, retire=False).value == 2
    with pytest.raises(OperatorError, match="one password at a time"):
        plan(with_rotation(secret, 1, 0), secret, retire=True)


def test_the_password_of_a_database_that_lives_elsewhere_is_changed_there() -> None:
    external = {"kind": "external", "url": "postgresql://a:b@h/d", "owner_url": "postgresql://o:b@h/d"}
    with pytest.raises(OperatorError, match="the database of production lives elsewhere"):
        plan(
            cloud_settings(database=external, api={"hostname": "api.nuggetwise.com"}),
            "database_api_password",
            retire=False,
        )


class Clone:
    """A clone with a stack's file and a `pulumi` on PATH that only writes down how it was called."""

    def __init__(self, folder: Path) -> None:
        self._calls = folder / "calls"
        self.codes = folder / "codes"
        self.codes.mkdir()
        program = folder / "bin" / "pulumi"
        program.parent.mkdir()
        program.write_text(
            "#!/bin/sh\n"
            f"""printf '%s\\n' "$*" >> {self._calls}\n"""
            f"""case "$*" in *--secret*) echo "stdin: $(cat)" >> {self._calls};; esac\n"""
            f"""case "$*" in 'stack output'*) cat {folder}/outputs;; esac\n"""
            f"""test ! -e {self.codes}/$1 || exit 255\n"""
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    @property
    def calls(self) -> list[str]:
        called = self._calls.read_text().splitlines() if self._calls.exists() else []
        return [line.removesuffix(" --non-interactive") for line in called]

    def fails_at(self, word: str) -> None:
        (self.codes / word).touch()


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    made = Clone(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(stack_file, "ROOT", tmp_path)
    (tmp_path / "outputs").write_text(json.dumps(OUTPUTS))
    return made


def write(folder: Path, stack: settings.Settings) -> None:
    """The stack's file, its secrets as the engine would have encrypted them."""
    values = json.loads(stack.model_dump_json(exclude_none=True, exclude={"name"}))
    values["keys"] = {name: {"secure": "v1:x"} for name in Keys.model_fields}
    config = {f"nuggetwise:{key}": value for key, value in values.items()}
    (folder / f"Pulumi.{stack.name}.yaml").write_text(yaml.safe_dump({"config": config}))


def reencryption(monkeypatch: pytest.MonkeyPatch, clone: Clone, code: int = 0) -> list[list[str]]:
    """Answers for the task; what `pulumi` had been asked for by then, at each of its runs."""
    runs: list[list[str]] = []

    def run(*_arguments: object) -> int:
        runs.append(clone.calls)
        return code

    monkeypatch.setattr(task, "run", run)
    return runs


UP = "up --stack production --yes"
PREVIEW = "preview --stack production --expect-no-changes"
OUTPUT = "stack output --stack production --json --show-secrets"


def set_number(key: str, number: int) -> str:
    return f"config set --stack production --path nuggetwise:rotations.{key} {number}"


def test_one_command_counts_up_and_deploys(clone: Clone, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, cloud_settings())
    assert rotate("production", "jwt_secret", retire=False, yes=True) == 0
    assert clone.calls == [set_number("jwt_secret.number", 1), UP]
    assert "Retire it an hour from now" in capsys.readouterr().out


def test_retiring_waits_until_the_new_value_is_deployed(clone: Clone, tmp_path: Path) -> None:
    write(tmp_path, with_rotation("jwt_secret", 1, 0))
    clone.fails_at("preview")
    with pytest.raises(OperatorError, match="is not deployed"):
        rotate("production", "jwt_secret", retire=True, yes=True)
    assert clone.calls == [PREVIEW], "nothing was changed"


def test_retiring_deploys_too(clone: Clone, tmp_path: Path) -> None:
    write(tmp_path, with_rotation("jwt_secret", 1, 0))
    assert rotate("production", "jwt_secret", retire=True, yes=True) == 0
    assert clone.calls == [PREVIEW, set_number("jwt_secret.retired", 1), UP]


def test_a_new_encryption_key_is_followed_by_the_re_encryption(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, cloud_settings())
    runs = reencryption(monkeypatch, clone)
    assert rotate("production", "encryption_key", retire=False, yes=True) == 0
    assert runs == [[set_number("encryption_key.number", 1), UP, OUTPUT]], "after the API knows the new key"


def test_an_encryption_key_is_retired_only_when_nothing_needs_it(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, with_rotation("encryption_key", 1, 0))
    reencryption(monkeypatch, clone, code=1)
    with pytest.raises(OperatorError, match="not encrypted with the new key yet, so the old one has to stay"):
        rotate("production", "encryption_key", retire=True, yes=True)
    assert clone.calls == [PREVIEW, OUTPUT], "nothing was changed"
    reencryption(monkeypatch, clone)
    assert rotate("production", "encryption_key", retire=True, yes=True) == 0
    assert clone.calls[-2:] == [set_number("encryption_key.retired", 1), UP]


def test_an_update_that_fails_is_told_with_how_to_go_on(clone: Clone, tmp_path: Path) -> None:
    write(tmp_path, cloud_settings())
    clone.fails_at("up")
    with pytest.raises(OperatorError, match=r"is changed, but that is not deployed\. .* `pulumi up -s production`"):
        rotate("production", "cache_token", retire=False, yes=True)


def test_without_anybody_to_confirm_nothing_is_changed(clone: Clone, tmp_path: Path) -> None:
    write(tmp_path, cloud_settings())
    with pytest.raises(OperatorError, match="YES=1 confirms it beforehand"):
        rotate("production", "jwt_secret", retire=False, yes=False)
    assert clone.calls == []


@pytest.mark.parametrize("secret", Keys.model_fields)
def test_a_key_of_another_service_goes_by_standard_input_and_never_shows(
    clone: Clone, tmp_path: Path, secret: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, cloud_settings())
    monkeypatch.setattr("sys.stdin", Piped("sk_live_new\n"))
    assert rotate("production", secret, retire=False, yes=True) == 0
    assert clone.calls == [
        f"config set --stack production --secret --path nuggetwise:keys.{secret}",
        "stdin: sk_live_new",
        UP,
    ]
    assert "sk_live_new" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("given_value", ["", "\n", "two words", "one\nline\n"])
def test_what_is_no_key_is_refused_before_anything_changes(
    clone: Clone, tmp_path: Path, given_value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, cloud_settings())
    monkeypatch.setattr("sys.stdin", Piped(given_value))
    with pytest.raises(OperatorError, match="must be one word on standard input; nothing was changed"):
        rotate("production", "v0_api_key", retire=False, yes=True)
    assert clone.calls == []


def test_the_old_key_of_another_service_is_revoked_there(clone: Clone, tmp_path: Path) -> None:
    write(tmp_path, cloud_settings())
    with pytest.raises(OperatorError, match="revoke the old one at Stripe"):
        rotate("production", "stripe_secret_key", retire=True, yes=True)


@pytest.mark.parametrize("wrong", ["", "jwt", "database_url"])
def test_an_unknown_secret_is_answered_with_the_known_ones(wrong: str) -> None:
    with pytest.raises(OperatorError, match=r"jwt_secret, encryption_key, .*, stripe_secret_key, .*, v0_api_key"):
        rotate("production", wrong, retire=False, yes=True)


def test_a_dev_stack_says_how_its_secrets_are_replaced() -> None:
    with pytest.raises(OperatorError, match="dev is a dev stack, whose secrets are replaced by `pulumi up --replace"):
        rotate("dev", "jwt_secret", retire=False, yes=True)


def test_a_stack_that_has_no_file_is_told(clone: Clone) -> None:
    with pytest.raises(OperatorError, match=r"Pulumi\.prodution\.yaml does not exist: there is no stack prodution"):
        rotate("prodution", "jwt_secret", retire=False, yes=True)
    assert clone.calls == []


class Piped:
    """Standard input that is no terminal."""

    def __init__(self, text: str) -> None:
        self._text = text

    def isatty(self) -> bool:
        return False

    def read(self) -> str:
        return self._text
