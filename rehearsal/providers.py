"""Serves the three providers in one process: `python -m rehearsal.providers --cloud FILE --ports-file FILE`.

Pulumi's engine uses them when PULUMI_DEBUG_PROVIDERS says what the ports file holds once they are ready.
"""

import argparse
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from rehearsal import schema, sdk
from rehearsal.cloud import Cloud
from rehearsal.provider import Provider

ACCOUNT = "123456789012"
# As many as the engine asks at once by default on two cores; more would only wait for each other.
WORKERS = 16
# Loading Cloudflare's types takes seconds, and any of its resources needs them.
SLOWEST = "cloudflare:index/dnsRecord:DnsRecord"


class Servers:
    """The three servers, each on a loopback port of its own."""

    def __init__(self, cloud: Cloud, account: str = ACCOUNT, registry: str = "") -> None:
        self._servers: list[grpc.Server] = []
        ports: dict[str, int] = {}
        for package in sdk.DISTRIBUTIONS:
            server = grpc.server(ThreadPoolExecutor(WORKERS))
            provider_pb2_grpc.add_ResourceProviderServicer_to_server(
                Provider(package, cloud, account, registry), server
            )
            ports[package] = server.add_insecure_port("127.0.0.1:0")
            server.start()
            self._servers.append(server)
        self.attachment = ",".join(f"{package}:{port}" for package, port in ports.items())
        """The value of PULUMI_DEBUG_PROVIDERS."""

    def stop(self) -> None:
        """Waits for calls that are under way."""
        for stopping in [server.stop(grace=5) for server in self._servers]:
            stopping.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.providers", description=__doc__)
    parser.add_argument("--cloud", type=Path, required=True, help="the SQLite file that holds the cloud")
    parser.add_argument("--ports-file", type=Path, help="where to write the value of PULUMI_DEBUG_PROVIDERS")
    parser.add_argument("--account", default=ACCOUNT, help="the AWS account that the cloud is")
    options = parser.parse_args(arguments)

    servers = Servers(Cloud(options.cloud), options.account, os.environ.get("REHEARSAL_REGISTRY", ""))
    print(servers.attachment, flush=True)
    if options.ports_file:
        _write_whole(options.ports_file, servers.attachment)
    threading.Thread(target=schema.described, args=(SLOWEST,), daemon=True).start()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    ended.wait()
    servers.stop()


def _write_whole(path: Path, text: str) -> None:
    """So that whoever waits for the file never reads half of it."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text)
    unfinished.replace(path)


if __name__ == "__main__":
    main()
