"""How far the continuous backup of a dev stack's database has come, as PostgreSQL itself tells."""

from docker.models.containers import Container

# How many segments wait, when the newest one was archived, and whether the last attempt failed.
ASKED = """
SELECT count(*) FILTER (WHERE name LIKE '%.ready'), coalesce(date_trunc('second', last_archived_time)::text, ''),
  coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false)
FROM pg_stat_archiver LEFT JOIN pg_ls_archive_statusdir() ON true
GROUP BY last_archived_time, last_failed_time
"""


def state(database: Container) -> str:
    """One line for people; empty where the database does not answer, or archives nothing."""
    if database.status != "running":
        return ""
    command = ["psql", "-U", "postgres", "-AtqX", "-c", "SET TimeZone = 'UTC'", "-c", ASKED, "postgres"]
    code, output = database.exec_run(command)
    assert isinstance(output, bytes)  # which it is, where the output is not streamed
    return told(output.decode(errors="replace").strip()) if code == 0 else ""


def told(answer: str) -> str:
    """The line, from psql's answer to ASKED."""
    waiting, newest, failing = answer.split("|")
    if failing == "t":
        since = f"since {newest}" if newest else "so far"
        return f"archive: nothing reaches the bucket {since}, {waiting} segments wait; `make logs C=database` says why"
    return f"archive: the write-ahead log reached the bucket at {newest}" if newest else "archive: nothing to do so far"
