"""What the running load balancer of a dev stack is told and asked (images/nginx/balancer)."""

from collections.abc import Iterable

from docker.models.containers import Container


class BalancerRefused(Exception):
    """The load balancer did not do what it was told, and goes on as before. The text is its own."""


class Balancer:
    """The container of the load balancer. Each method raises BalancerRefused."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def configure(self, settings: str) -> None:
        """Gives nginx its settings; it reloads."""
        self._tell("configure", settings=settings)

    def maintenance(self, *, on: bool) -> None:
        """Begins or ends to answer 503 to all but health checks."""
        self._tell("maintenance", "on" if on else "off")

    def route(self) -> str:
        """The alias whose replicas get all new requests."""
        return self._tell("route")

    def send_to(self, alias: str) -> None:
        """From now on new requests go to the replicas of `alias`, and to no other."""
        self._tell("route", alias)

    def ready(self, names: Iterable[str]) -> set[str]:
        """Which of these containers say, seen from the load balancer, that they are ready."""
        return set(self._tell("ready", *names).split())

    def _tell(self, *arguments: str, settings: str = "") -> str:
        status, output = self._container.exec_run(["balancer", *arguments], environment={"CONFIG": settings})
        assert isinstance(output, bytes)  # which it is, where the output is not streamed
        text = output.decode(errors="replace").strip()
        if status != 0:
            raise BalancerRefused(f"balancer {' '.join(arguments)}: {text}")
        return text
