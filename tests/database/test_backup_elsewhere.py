"""A backup of a database that is somebody else's, in which others have schemas, tables, extensions and roles."""

import json
from collections.abc import Generator
from dataclasses import replace

import psycopg
import pytest

from migrations.revisions import revisions
from migrations.runner import upgrade
from migrations.settings import Settings
from migrations.stopwatch import Stopwatch
from tests.database.ops_image import Ops, ops_of
from tests.elsewhere.servers import Supabase


@pytest.fixture
def ops(supabase: Supabase, database_elsewhere: Settings) -> Generator[Ops]:
    upgrade(replace(database_elsewhere, admin=None), revisions(), Stopwatch())
    with psycopg.connect(supabase.admin_url, autocommit=True) as customer:
        customer.execute("CREATE TABLE public.theirs AS SELECT 1 AS id")
        customer.execute("CREATE PUBLICATION theirs FOR TABLE public.theirs")
    with ops_of(database_elsewhere) as made:
        yield made
    with psycopg.connect(supabase.admin_url, autocommit=True) as customer:
        customer.execute("DROP PUBLICATION theirs")
        customer.execute("DROP TABLE public.theirs")


def test_what_is_ours_is_backed_up_and_comes_back_where_nothing_of_theirs_is(
    ops: Ops, database_elsewhere: Settings
) -> None:
    with psycopg.connect(database_elsewhere.owner.url, autocommit=True) as owner:
        owner.execute("INSERT INTO users (email, password_hash) VALUES ('elsewhere@example.com', '-')")
    done = ops.run("backup")
    assert done.code == 0, done.said
    id = done.line("verified")["id"]
    tables = json.loads(ops.read(f"{id}/manifest.json"))["tables"]
    assert tables["public.users"] >= 1
    assert not {"public.theirs", "auth.users"} & tables.keys()
    assert ops.run("restore-test", id).code == 0
