"""CloudWatch Logs: the streams of the tasks' containers."""

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from docker.errors import APIError
from docker.models.containers import Container as DockerContainer

from rehearsal.cloud import Cloud
from rehearsal.services import definition
from rehearsal.services.protocol import Body, Refused

GROUP = "aws:cloudwatch/logGroup:LogGroup"
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
LONGEST_ANSWER = 10_000


@dataclass
class Stream:
    """The log of one container: asked of Docker while it is there, kept afterwards."""

    container: DockerContainer
    kept: list[Body] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def events(self) -> list[Body]:
        with self.lock:
            return self.kept if self.kept is not None else _events(self.container)


class Logs:
    """Streams by log group and name."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._streams: dict[tuple[str, str], Stream] = {}

    @property
    def operations(self) -> dict[str, Callable[[Body], Body]]:
        return {"GetLogEvents": self.get_log_events}

    def attach(self, asked: definition.Container, task: str, container: DockerContainer) -> None:
        """Begins the stream `<prefix>/<container>/<task>` of a container that logs to CloudWatch."""
        if asked.log_group:
            self._streams[asked.log_group, f"{asked.log_prefix}/{asked.name}/{task}"] = Stream(container)

    def keep(self, container: DockerContainer) -> None:
        """Takes over what a container logged, before it is removed."""
        for stream in self._streams.values():
            if stream.container == container:
                events = _events(container)
                with stream.lock:
                    stream.kept = events

    def get_log_events(self, body: Body) -> Body:
        group = body.get("logGroupName") or body.get("logGroupIdentifier", "").rpartition("log-group:")[2]
        if not self._cloud.find(GROUP, name=group):
            raise Refused("ResourceNotFoundException", "The specified log group does not exist.")
        stream = self._streams.get((group, body["logStreamName"]))
        if stream is None:
            raise Refused("ResourceNotFoundException", "The specified log stream does not exist.")
        events, limit = stream.events(), min(body.get("limit", LONGEST_ANSWER), LONGEST_ANSWER)
        if token := body.get("nextToken"):
            first = int(token.rpartition("/")[2])
        else:
            first = 0 if body.get("startFromHead") else max(0, len(events) - limit)
        shown = events[first : first + limit]
        # At the end, the token that was sent comes back: so a caller knows that there is no more.
        return {
            "events": shown,
            "nextForwardToken": f"f/{first + len(shown):056d}",
            "nextBackwardToken": f"b/{max(0, first - limit):056d}",
        }


def _events(container: DockerContainer) -> list[Body]:
    try:
        text = container.logs(timestamps=True).decode(errors="replace")
    except APIError:
        return []
    return [_event(line) for line in text.splitlines()]


def _event(line: str) -> Body:
    stamp, _, message = line.partition(" ")
    # Docker writes nanoseconds, which datetime does not read.
    when = dt.datetime.fromisoformat(f"{stamp[:19]}+00:00").timestamp() * 1000 + int(stamp[20:23] or 0)
    return {"timestamp": int(when), "message": message, "ingestionTime": int(when)}
