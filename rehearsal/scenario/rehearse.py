"""One rehearsal from its beginning to its report."""

from pathlib import Path

from rehearsal.scenario import mishaps, workspace
from rehearsal.scenario.engine import EngineFailed
from rehearsal.scenario.report import RehearsalFailed, Report
from rehearsal.scenario.story import Story
from rehearsal.scenario.workspace import Workspace


def rehearse(what: str, stack: str, file: Path | None) -> int:
    """Rehearses, prints what it does, and writes the report. Returns 0 when all was as it should be, else 1."""
    print(f"Rehearsing {stack} on stand-ins for AWS, Cloudflare and Vercel: no account is touched.", flush=True)
    report = Report(stack)
    try:
        with workspace.opened(stack) as place:
            _told(what, place, report)
    except (EngineFailed, RehearsalFailed) as error:
        print(f"\nerror: {error}", flush=True)
    finally:
        if file:
            report.write(file)
    print(report.summary())
    return 1 if report.failure else 0


def _told(what: str, place: Workspace, report: Report) -> None:
    match what:
        case "interrupted":
            mishaps.interrupted(place, report)
        case "faults":
            mishaps.faulty(place, report)
        case "disaster":
            # Its fake of Vercel comes with a web server, which no other story needs.
            from rehearsal.scenario.disaster import Disaster

            Disaster(place, report).all()
        case "brief":
            Story(place, report).brief()
        case _:
            Story(place, report).whole()
