"""The key pair of the backups."""

import stat
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from infra.age_key import FOLDER, AgeKeyProvider, file_of, pair

PROVIDER = AgeKeyProvider()
pyrage: Any = import_module("pyrage")  # compiled, and without types


def made(keep_as: str = "") -> dict[str, str]:
    outs = PROVIDER.create({"keep_as": keep_as, "recipient": None, "identity": None}).outs
    assert outs is not None
    return {name: outs[name] for name in ("recipient", "identity")}


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a state's passphrase."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    return tmp_path


def test_what_is_encrypted_to_the_recipient_is_opened_by_the_identity() -> None:
    new = made()
    sealed = pyrage.encrypt(b"a dump", [pyrage.x25519.Recipient.from_str(new["recipient"])])
    assert pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(new["identity"])]) == b"a dump"


def test_every_stack_has_a_pair_of_its_own() -> None:
    assert made()["identity"] != made()["identity"]


def test_a_pair_stays_whatever_else_changes() -> None:
    olds = {"keep_as": "", **made()}
    assert PROVIDER.diff("id", olds, {"keep_as": "dev", "recipient": None, "identity": None}).changes is False


def test_a_stack_that_lost_its_state_finds_its_pair_again(beside: Path) -> None:
    first = made("dev")
    assert made("dev") == first
    assert made("alice") != first


def test_the_kept_identity_is_for_its_owner_alone(beside: Path) -> None:
    made("dev")
    file = file_of("dev")
    assert file == beside / FOLDER / "dev"
    assert file is not None
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    assert [each.name for each in file.parent.iterdir()] == ["dev"]


def test_a_write_that_was_cut_short_is_no_identity(beside: Path) -> None:
    (beside / FOLDER).mkdir()
    (beside / FOLDER / "dev.new").write_text("AGE-SECRET-KEY-1HALF")
    assert made("dev") == made("dev")


def test_nothing_is_written_down_where_the_stack_does_not_ask_for_it_or_has_no_such_file(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made()
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE")
    made("dev")
    assert not list(beside.iterdir())


def test_a_kept_file_that_is_no_identity_is_an_error_and_stays_as_it_is(beside: Path) -> None:
    (beside / FOLDER).mkdir()
    (beside / FOLDER / "dev").write_text("nonsense")
    with pytest.raises(pyrage.IdentityError, match="Bech32"):
        made("dev")
    assert (beside / FOLDER / "dev").read_text() == "nonsense"


def test_an_identity_names_its_recipient() -> None:
    new = made()
    assert pair(new["identity"]) == {"identity": new["identity"], "recipient": new["recipient"]}
