"""Revisions printed as SQL."""

import pytest

from migrations.rendering import rendered
from migrations.revisions import Revision, revisions

ALL = revisions()
EVERYTHING = rendered(ALL, ALL, release="1.2.3")


@pytest.mark.parametrize("revision", ALL, ids=lambda revision: revision.path.stem)
def test_every_revision_can_be_read_as_sql_by_itself(revision: Revision) -> None:
    text = rendered(ALL, [revision], release="1.2.3")
    inserted = f"VALUES ('{revision.id}', '{revision.checksum}', '1.2.3')"
    assert inserted in text, "it records its checksum"
    assert text.count("migration_history (revision") == 1, "and nothing but itself"


def test_each_revision_is_a_transaction_of_its_own() -> None:
    stamps = [line for line in EVERYTHING.splitlines() if "alembic_version" in line and "version_num=" in line]
    assert len(stamps) == len(ALL) - 1
    assert EVERYTHING.count("BEGIN;") == EVERYTHING.count("COMMIT;") >= len(ALL)


def test_concurrent_indexes_are_built_outside_transactions() -> None:
    inside = False
    for line in EVERYTHING.splitlines():
        inside = {"BEGIN;": True, "COMMIT;": False}.get(line, inside)
        assert not (inside and "CONCURRENTLY" in line), line


def test_every_definer_function_has_a_fixed_search_path_and_is_taken_from_the_public() -> None:
    functions = [part for part in EVERYTHING.split("CREATE FUNCTION ")[1:] if "SECURITY DEFINER" in part]
    assert len(functions) == 8
    for function in functions:
        name = function.partition("(")[0]
        assert "SET search_path = pg_catalog, pg_temp" in function
        assert f"REVOKE EXECUTE ON FUNCTION {name}(" in EVERYTHING


def test_a_percent_sign_is_printed_once() -> None:
    assert "usage ATTACH PARTITION public.%I" in EVERYTHING


def test_an_awkward_role_name_is_quoted() -> None:
    text = rendered(ALL, ALL, api_role='a"b; DROP TABLE users', release="1")
    assert 'TO "a""b; DROP TABLE users"' in text
