"""What a drill found, as JSON and as Markdown."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Result:
    """One failure and the way back. Times are in seconds from the failure; `target` is SPEC's for the drill.

    `lost_seconds` is how far back the lost writes reach, and `allowed_seconds` how far they may; None: as far as the
    backup before.
    """

    failure: str
    broken_by: str
    detected_by: str
    recovered_by: str
    detected: float
    recovered: float
    target: float | None
    acknowledged: int
    failed: int
    lost: int
    lost_seconds: float
    allowed_seconds: float | None

    @property
    def passed(self) -> bool:
        in_time = self.target is None or self.recovered <= self.target
        # What was acknowledged after the failure and is gone reaches back no second, and is lost all the same.
        kept = self.lost == 0 or self.allowed_seconds is None or 0 < self.lost_seconds <= self.allowed_seconds
        return in_time and kept


@dataclass(frozen=True)
class Report:
    """A whole drill. `megabytes` is the size of the database."""

    stack: str
    release: str
    megabytes: int
    results: Sequence[Result]

    @property
    def passed(self) -> bool:
        return all(result.passed for result in self.results)


def to_json(report: Report) -> str:
    """An object with all figures; `passed` for each and for the whole."""
    results = [{**asdict(result), "passed": result.passed} for result in report.results]
    return json.dumps({**asdict(report), "results": results, "passed": report.passed}, indent=2) + "\n"


def to_markdown(report: Report) -> str:
    """A table with a line for each failure."""
    lines = [
        f"Release {report.release}, a database of {report.megabytes} MB. Times are in seconds from the failure.",
        "",
        "| failure | broken by | detected | recovered (RTO) | target | by | acknowledged writes lost (RPO) | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in report.results:
        target = "" if each.target is None else f"{each.target:.0f}"
        lost = f"{each.lost} of {each.acknowledged}" + (f", the last {each.lost_seconds:.0f} s" if each.lost else "")
        lines.append(
            f"| {each.failure} | {each.broken_by} | {each.detected:.1f}, {each.detected_by} | {each.recovered:.1f} "
            f"| {target} | {each.recovered_by} | {lost} | {'passed' if each.passed else '**failed**'} |"
        )
    return "\n".join(lines) + "\n"
