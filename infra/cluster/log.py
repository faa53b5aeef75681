"""What tasks have to say: their log streams, and why they stopped. For errors that tell all of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import GetLogEventsResponseTypeDef

# What stands before the container's name in the name of a log stream.
PREFIX = "task"
LAST_LINES = 40


def stream(container: str, task_arn: str) -> str:
    """The log stream of one container of one task, as the awslogs driver calls it."""
    return f"{PREFIX}/{container}/{task_arn.rpartition('/')[2]}"


def reasons(task: Mapping[str, Any]) -> str:
    """`task 0a1b stopped: <why>; api: exit code 1, <why>`, from what `describe_tasks` says of it."""
    parts = [
        f"task {task['taskArn'].rpartition('/')[2]} {task.get('lastStatus', '').lower()}: "
        f"{task.get('stoppedReason') or task.get('stopCode') or 'no reason given'}"
    ]
    for container in task.get("containers", []):
        said = [f"exit code {container['exitCode']}"] if "exitCode" in container else []
        said += [container["reason"]] if container.get("reason") else []
        if said:
            parts.append(f"{container['name']}: {', '.join(said)}")
    return "; ".join(parts)


def last_lines(logs: CloudWatchLogsClient, group: str, container: str, task_arn: str) -> list[str]:
    """The end of a container's log. Empty where it never began one."""
    try:
        events = logs.get_log_events(
            logGroupName=group, logStreamName=stream(container, task_arn), limit=LAST_LINES, startFromHead=False
        )["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return messages(events)


class Tail:
    """A container's log, read on from where the reading before ended."""

    def __init__(self, logs: CloudWatchLogsClient, group: str, container: str, task_arn: str) -> None:
        self._logs, self._group, self._stream = logs, group, stream(container, task_arn)
        self._token: str | None = None

    def new_lines(self) -> Iterator[str]:
        """What came since; nothing where it never began one."""
        while True:
            try:
                answer = self._page()
            except self._logs.exceptions.ResourceNotFoundException:
                return
            yield from messages(answer["events"])
            # A page may be empty though others follow; the end is where the token that was sent comes back.
            if answer["nextForwardToken"] == self._token:
                return
            self._token = answer["nextForwardToken"]

    def _page(self) -> GetLogEventsResponseTypeDef:
        if self._token is None:
            return self._logs.get_log_events(logGroupName=self._group, logStreamName=self._stream, startFromHead=True)
        return self._logs.get_log_events(
            logGroupName=self._group, logStreamName=self._stream, nextToken=self._token, startFromHead=True
        )


def messages(events: Iterable[Mapping[str, Any]]) -> list[str]:
    return [str(event.get("message", "")).rstrip("\n") for event in events]
