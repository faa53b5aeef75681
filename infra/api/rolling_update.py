"""How the API's replicas follow each other on the local Docker Engine.

New ones are made beside those that serve. Once all are ready, the load balancer sends every new request to them. Those
from before go on for a while, in case the new ones do not stay up, and are told to end when nobody has been sent to
them for as long. Whatever goes wrong until then, the load balancer is sent back and the new ones are removed.

What is there is found by its labels, and not taken from the stack's state: so an update that was killed at any point is
finished, or undone, by the next one.
"""

from __future__ import annotations

import fcntl
import secrets
import sys
import tempfile
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.errors import NotFound
from docker.models.containers import Container

from infra import labels, state
from infra.api import generation as generations
from infra.api.generation import Replica
from infra.container import sdk
from infra.load_balancer.balancer import Balancer

POLL = 0.25  # seconds
# Docker starts anew what ended; the third start that fails is no accident.
STARTS = 3
SETTLE = 3.0  # seconds that new replicas must stay up before those from before are told to end
HEALTHY_WITHIN = 60.0  # seconds; Docker looks every few
# Where the processor is short, those that serve come before those that start.
SHARE, STARTING_SHARE = 1024, 256
LOG_LINES = 15
KILLED = 137  # exit code; the kernel does so when the memory is used up


class UpdateUndone(Exception):
    """The new replicas did not become ready or did not stay so. The text says why, with their last log lines."""


class _Unfit(Exception):
    def __init__(self, why: str, replicas: Sequence[Container]) -> None:
        super().__init__(why)
        self.replicas = replicas


class UnderWay(Exception):
    """Another update of the same replicas does not end."""


@contextmanager
def alone(stack: str, within: float) -> Generator[None]:
    """Lets one update of a stack's replicas run at a time: one whose engine was killed may still be at work.

    Raises UnderWay when that one does not end within so many seconds.
    """
    folder = state.home() if state.home().is_dir() else Path(tempfile.gettempdir())
    with (folder / f".{stack}-{labels.state_id()}.update.lock").open("a") as handle:
        deadline = time.monotonic() + within
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise UnderWay(f"another update of stack {stack} did not end within {within:.0f} s") from None
                time.sleep(POLL)
        yield


def find(engine: docker.DockerClient, of: Mapping[str, str]) -> list[Container]:
    """The replicas that carry these labels, running or not."""
    wanted: dict[str, str | list[str] | bool] = {
        "label": [labels.GENERATION, *(f"{key}={value}" for key, value in of.items())]
    }
    return engine.containers.list(all=True, ignore_removed=True, filters=wanted)


def described(container: Container) -> Replica:
    """What a replica's labels and its status say."""
    carried = container.labels
    running = container.status in ("running", "restarting")
    return Replica(str(container.id), carried[labels.GENERATION], int(carried[labels.INDEX]), running)


class RollingUpdate:
    """One update of one stack's replicas. `props` are those of infra/api/replicas.py."""

    def __init__(self, engine: docker.DockerClient, props: Mapping[str, Any]) -> None:
        self._engine, self._props = engine, props
        self._generation = generations.digest(props)
        self._replicas, self._ready_within = int(props["replicas"]), int(props["ready_within"])
        self._started, self._share = int(time.time()), SHARE

    def run(self) -> list[str]:
        """Brings the replicas to what is wanted. Returns their ids.

        Raises UpdateUndone, after which what served before serves still, and UnderWay.
        """
        with alone(self._props["labels"][labels.STACK], self._ready_within + HEALTHY_WITHIN):
            balancer = Balancer(self._engine.containers.get(self._props["balancer"]))
            found = {str(container.id): container for container in find(self._engine, self._props["labels"])}
            self._share = STARTING_SHARE if found else SHARE
            todo = generations.plan(map(described, found.values()), self._generation, self._replicas)
            kept, retired = ([found[each.id] for each in some] for some in (todo.kept, todo.retired))
            return [str(replica.id) for replica in self._follow(balancer, kept, todo.missing, retired)]

    def _follow(
        self, balancer: Balancer, kept: list[Container], missing: Sequence[int], retired: list[Container]
    ) -> list[Container]:
        before = balancer.route()
        serving = generations.of_route(before) == self._generation
        # Made by an update that was killed before anybody was sent to them, they have to prove themselves as well.
        new = [] if serving else list(kept)
        try:
            if missing:
                self._say(f"starting {len(missing)} of {self._replicas} replicas")
            for index in missing:
                new.append(self._make(index))
                new[-1].start()
            restarts = {str(replica.id): _restarts(replica) for replica in new}
            self._until_ready(balancer, new, restarts)
            for replica in new:
                replica.update(cpu_shares=SHARE)
            balancer.send_to(generations.route(self._generation, self._replicas))
            if new:
                self._say("ready; all new requests go to them")
            self._settle(balancer, new, restarts)
        except BaseException as error:
            # First, since some may be sent to them this moment. Where that fails, the new ones may be all that serves.
            balancer.send_to(before)
            undone = self._undone(error) if isinstance(error, _Unfit) else error
            _at_once(_remove, new)
            raise undone from None
        if retired:
            self._say(f"ending {len(retired)} from before")
        _at_once(self._retire, retired)
        return sorted({*kept, *new}, key=lambda replica: described(replica).index)

    def running(self, ids: Iterable[str]) -> list[str]:
        """Those of these replicas that run."""
        replicas = [described(container) for container in find(self._engine, self._props["labels"])]
        there = {replica.id for replica in replicas if replica.running}
        return [each for each in ids if each in there]

    def remove_all(self) -> None:
        """Ends every replica of the stack. Raises UnderWay."""
        with alone(self._props["labels"][labels.STACK], self._ready_within + HEALTHY_WITHIN):
            _at_once(self._retire, find(self._engine, self._props["labels"]))

    def _make(self, index: int) -> Container:
        network = self._engine.networks.get(self._props["network"])
        endpoint = self._engine.api.create_endpoint_config(aliases=generations.aliases(self._generation, index))
        return self._engine.containers.create(
            self._props["image"],
            environment={**self._props["environment"], **self._props["secrets"]},
            **sdk.arguments(self._props["limits"]),
            cpu_shares=self._share,
            name=f"{self._props['name']}-{index}-{secrets.token_hex(3)}",
            labels={**self._props["labels"], labels.GENERATION: self._generation, labels.INDEX: str(index)},
            network=network.name,
            networking_config={str(network.name): endpoint},
        )

    def _until_ready(self, balancer: Balancer, new: Sequence[Container], restarts: Mapping[str, int]) -> None:
        names = {str(replica.name) for replica in new}
        deadline = time.monotonic() + self._ready_within
        while names and balancer.ready(names) != names:
            for replica in new:
                if _restarts(replica) - restarts[str(replica.id)] >= STARTS:
                    raise _Unfit(f"ended {STARTS} times while it was to become ready", [replica])
            if time.monotonic() >= deadline:
                late = [replica for replica in new if replica.name not in balancer.ready(names)]
                raise _Unfit(f"not ready within {self._ready_within} s", late or new)
            time.sleep(POLL)

    def _settle(self, balancer: Balancer, new: Sequence[Container], restarts: Mapping[str, int]) -> None:
        """Returns when the new replicas have stayed up for a while, and Docker says that they are healthy."""
        began = time.monotonic()
        while new:
            fallen = [replica for replica in new if _fell(replica, restarts[str(replica.id)])]
            if fallen:
                raise _Unfit("ready, then ended", fallen)
            sick = [replica for replica in new if replica.attrs["State"]["Health"]["Status"] != "healthy"]
            waited = time.monotonic() - began
            if waited >= SETTLE and not sick:
                break
            if waited >= HEALTHY_WITHIN:
                raise _Unfit(f"ready, but not healthy within {HEALTHY_WITHIN:.0f} s", sick)
            time.sleep(POLL)
        names = {str(replica.name) for replica in new}
        if names and (hung := names - balancer.ready(names)):
            raise _Unfit("ready, then no more", [replica for replica in new if replica.name in hung])

    def _retire(self, replica: Container) -> None:
        """Lets a replica finish what it has begun. One that another hand removed is no error."""
        try:
            replica.stop(timeout=int(self._props["grace"]))
        except NotFound:
            return
        _remove(replica)

    def _undone(self, unfit: _Unfit) -> UpdateUndone:
        ends = self._ends()
        lines = [f"{unfit}: the version before goes on serving, the new one is removed"]
        for replica in unfit.replicas:
            lines.append(f"{replica.name}: {ends.get(str(replica.id), 'did not end')}; its last log lines:")
            log = replica.logs(tail=LOG_LINES).decode(errors="replace")
            lines += [f"  {line}" for line in log.splitlines()]
        return UpdateUndone("\n".join(lines))

    def _ends(self) -> dict[str, str]:
        """By id, how replicas ended, as Docker remembers it: their own state tells of the last start only."""
        events: Iterable[dict[str, Any]] = self._engine.events(
            since=self._started, until=int(time.time()) + 1, filters={"event": ["die", "oom"]}, decode=True
        )
        ends: dict[str, str] = {}
        starved: set[str] = set()
        for event in events:
            replica, code = event["Actor"]["ID"], event["Actor"]["Attributes"].get("exitCode")
            if code is None or int(code) == KILLED:
                starved.add(replica)
            if code is not None:
                ends[replica] = f"ended with exit code {code}"
        limit = f"killed, its limit is {self._props['limits']['memory']:.0f} MiB of memory"
        return {**ends, **dict.fromkeys(starved, limit)}

    def _say(self, what: str) -> None:
        print(f"api: {what}", file=sys.stderr, flush=True)


def _restarts(replica: Container) -> int:
    replica.reload()
    return int(replica.attrs["RestartCount"])


def _fell(replica: Container, restarts: int) -> bool:
    return _restarts(replica) > restarts or replica.status != "running"


def _remove(replica: Container) -> None:
    try:
        replica.remove(force=True, v=True)
    except NotFound:
        return


def _at_once(what: Any, replicas: Sequence[Container]) -> None:
    if replicas:
        with ThreadPoolExecutor(len(replicas)) as threads:
            list(threads.map(what, replicas))
