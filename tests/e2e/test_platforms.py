"""The API's image as Railway and Heroku run it: a foreign port and uid, nothing to write to, URLs with TLS.

Database and cache are containers of their own, as a platform hands them over: empty, reached by TLS with
certificates that nobody signed, and with roles that somebody else made.
"""

import base64
import io
import json
import secrets
import socket
import tarfile
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import yaml
from docker.models.containers import Container
from docker.models.networks import Network

from infra import issuing
from infra.release import ROOT

from .conftest import Stack, eventually, free_port

PORT = 5005
RELEASE_COMMAND: str = yaml.safe_load((ROOT / "heroku.yml").read_text())["release"]["command"][0]
RAILWAY: dict[str, Any] = json.loads((ROOT / "railway.json").read_text())


def variables(api: str, owner: str, cache: str) -> dict[str, str]:
    """All that the image is told there, but for the port."""
    return {
        "ENVIRONMENT": "production",
        "DATABASE_URL": f"postgres://api:{api}@database:5432/shop?sslmode=require",
        "OWNER_DATABASE_URL": f"postgres://owner:{owner}@database:5432/shop?sslmode=require",
        "REDIS_URL": f"rediss://:{cache}@cache:6379",
        "REDIS_TLS_VERIFY": "false",
        "JWT_SECRET": secrets.token_hex(32),
        "ENCRYPTION_KEY": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "STRIPE_SECRET_KEY": f"sk_live_{secrets.token_hex(12)}",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(16)}",
        "V0_API_KEY": f"v1:{secrets.token_hex(8)}:{secrets.token_hex(8)}",
        "STRIPE_PRICE_PRO": "price_123456",
        "FRONTEND_URL": "https://nuggetwise.com",
        "TRUSTED_PROXIES": "10.0.0.0/8",
    }


@dataclass
class Platform:
    """What a platform has beside the image."""

    stack: Stack
    network: Network
    variables: dict[str, str]
    started: list[Container] = field(default_factory=list[Container])

    def create(self, image: str, name: str, **options: Any) -> Container:
        container = self.stack.engine.containers.create(
            self.stack.containers(image)[0].attrs["Image"],
            detach=True,
            labels=self.stack.labels("platform"),
            network=str(self.network.name),
            networking_config={str(self.network.name): self.stack.engine.api.create_endpoint_config(aliases=[name])},
            **options,
        )
        self.started.append(container)
        return container

    def run_image(self, environment: Mapping[str, str], command: list[str] | None = None, port: int = 0) -> Container:
        """The API's image as a platform runs it, read-only and without even a /tmp."""
        container = self.create(
            "api",
            "web",
            command=command,
            environment={**environment, "PORT": str(PORT)},
            user="54321:0",
            read_only=True,
            cap_drop=["ALL"],
            mem_limit="512m",
            ports={f"{PORT}/tcp": ("127.0.0.1", port)} if port else {},
        )
        container.start()
        return container

    def release(self, **changes: str) -> tuple[int, str]:
        """What the release command did: its exit code and all it printed."""
        step = self.run_image({**self.variables, **changes}, command=["sh", "-c", RELEASE_COMMAND])
        return step.wait(timeout=120)["StatusCode"], step.logs().decode()

    def sql(self, statement: str, database: str = "postgres") -> None:
        code, output = self.started[0].exec_run(
            ["psql", "-XU", "postgres", "-v", "ON_ERROR_STOP=1", "-c", statement, database]
        )
        assert code == 0, output


def cache_with_tls(platform: Platform, password: str) -> None:
    authority, key = issuing.issue_authority("nobody")
    certificate, server_key = issuing.issue_server(authority, key, ["elsewhere.test"])
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as files:
        for name, text in (("cert.pem", certificate), ("key.pem", server_key)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o644
            files.addfile(entry, io.BytesIO(text.encode()))
    command = "valkey-server --port 0 --tls-port 6379 --tls-cert-file /srv/cert.pem --tls-key-file /srv/key.pem"
    server = platform.create(
        "cache", "cache", command=[*command.split(), "--tls-auth-clients", "no", "--requirepass", password]
    )
    server.put_archive("/srv", archive.getvalue())
    server.start()


def database_with_tls(platform: Platform, api: str, owner: str) -> None:
    environment = {"POSTGRES_PASSWORD": secrets.token_hex(16), "MAX_CONNECTIONS": "50"}
    server = platform.create("database", "database", environment=environment, shm_size="128m")
    server.start()
    eventually(lambda: server.exec_run(["pg_isready", "-q"]).exit_code == 0, 60, "the database accepts connections")
    settings = {"ssl": "on", "ssl_cert_file": "snakeoil.pem", "ssl_key_file": "snakeoil.key"}
    paths = {
        "snakeoil.pem": "/etc/ssl/certs/ssl-cert-snakeoil.pem",
        "snakeoil.key": "/etc/ssl/private/ssl-cert-snakeoil.key",
    }
    for name, value in settings.items():
        platform.sql(f"ALTER SYSTEM SET {name} = '{paths.get(value, value)}'")
    # Nothing but TLS, so that a URL whose sslmode is ignored fails.
    only_tls = ["sed", "-i", "s/^host all/hostssl all/", "/var/lib/postgresql/17/pg_hba.conf"]
    assert server.exec_run(only_tls).exit_code == 0
    platform.sql("SELECT pg_reload_conf()")
    platform.sql(f"CREATE ROLE owner LOGIN PASSWORD '{owner}'")
    platform.sql(f"CREATE ROLE api LOGIN PASSWORD '{api}'")
    platform.sql("CREATE DATABASE shop OWNER owner")


@pytest.fixture(scope="module")
def platform(stack: Stack) -> Generator[Platform]:
    network = stack.engine.networks.create(f"nuggetwise-{stack.name}-platform", labels=stack.labels("platform"))
    api, owner, cache = secrets.token_hex(16), secrets.token_hex(16), secrets.token_hex(16)
    made = Platform(stack, network, variables(api, owner, cache))
    try:
        database_with_tls(made, api, owner)
        cache_with_tls(made, cache)
        yield made
    finally:
        for container in made.started:
            container.remove(force=True, v=True)
        network.remove()


@dataclass(frozen=True)
class Web:
    """The image, serving."""

    container: Container
    port: int

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=10)

    def log(self) -> str:
        return self.container.logs().decode()


@pytest.fixture(scope="module")
def web(platform: Platform) -> Web:
    """Started before there is a schema, as a platform may."""
    port = free_port()
    web = Web(platform.run_image(platform.variables, port=port), port)
    eventually(lambda: web.get("/api/health/live").status_code == 200, 30, "the image serves")
    return web


def test_before_the_release_command_it_lives_and_is_not_ready(web: Web) -> None:
    ready = web.get(RAILWAY["deploy"]["healthcheckPath"])
    assert (ready.status_code, ready.json()["detail"]) == (503, "Not seen yet: schema.")


def test_the_release_command_migrates_and_the_running_process_becomes_ready_by_itself(
    platform: Platform, web: Web
) -> None:
    assert RAILWAY["deploy"]["preDeployCommand"] == [RELEASE_COMMAND]
    code, output = platform.release()
    assert code == 0, output
    eventually(lambda: web.get("/api/health/ready").status_code == 200, 15, "it is ready")
    code, output = platform.release()
    assert code == 0, output
    assert "nothing pending" in output


def test_it_serves_a_person_there(web: Web) -> None:
    url = f"http://127.0.0.1:{web.port}/api"
    body = {"email": f"{secrets.token_hex(6)}@example.com", "password": secrets.token_hex(12)}
    token = httpx.post(f"{url}/auth/register", json=body).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    made = httpx.post(f"{url}/installations", json={"mcp_config": {}}, headers=headers)
    assert made.status_code == 201, made.text
    services = web.get("/api/health").json()["services"]
    assert (services["database"]["status"], services["redis"]["status"]) == ("healthy", "healthy")


def test_metrics_are_not_for_whoever_comes_through_the_platforms_router(web: Web) -> None:
    assert web.get("/api/metrics").status_code == 200
    assert web.get("/api/metrics", **{"X-Forwarded-For": "203.0.113.7"}).status_code == 404


def test_its_log_is_json_and_names_no_secret(platform: Platform, web: Web) -> None:
    for line in web.log().splitlines():
        json.loads(line)
    for name in ("JWT_SECRET", "STRIPE_SECRET_KEY", "V0_API_KEY"):
        assert platform.variables[name] not in web.log()


def test_one_url_for_both_roles_is_refused_by_the_release_command_and_by_the_api(platform: Platform) -> None:
    owner = platform.variables["OWNER_DATABASE_URL"]
    code, output = platform.release(DATABASE_URL=owner)
    assert code == 2
    assert "share a role" in output
    port = free_port()
    served = Web(platform.run_image({**platform.variables, "DATABASE_URL": owner}, port=port), port)
    eventually(lambda: "row-level security does not bind" in served.log(), 30, "it says why")
    assert served.get("/api/health/ready").status_code == 503
    assert served.get("/api/health/live").status_code == 200


def test_a_certificate_that_nobody_signed_is_refused_unless_the_setting_says_otherwise(platform: Platform) -> None:
    port = free_port()
    served = Web(platform.run_image({**platform.variables, "REDIS_TLS_VERIFY": "true"}, port=port), port)
    eventually(lambda: "CERTIFICATE_VERIFY_FAILED" in served.log(), 30, "the cache's certificate is refused")
    assert served.get("/api/health/ready").json()["detail"] == "Not seen yet: cache."


def test_neither_a_body_that_never_comes_nor_an_idle_client_keeps_it_from_ending_in_time(
    platform: Platform, web: Web
) -> None:
    hanging = socket.create_connection(("127.0.0.1", web.port))
    hanging.sendall(
        b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    )
    idle = socket.create_connection(("127.0.0.1", web.port))
    time.sleep(0.5)
    started = time.monotonic()
    web.container.stop(timeout=60)
    took = time.monotonic() - started
    web.container.reload()
    assert web.container.attrs["State"]["ExitCode"] == 0, web.log()
    assert took < 30
    hanging.close()
    idle.close()


def test_the_manifests_name_what_is_there() -> None:
    heroku = yaml.safe_load((ROOT / "heroku.yml").read_text())
    # Heroku's build context is the folder of the Dockerfile: only at the top can the image's sources be copied.
    assert heroku["build"]["docker"] == {"web": "Dockerfile"}
    assert (ROOT / "Dockerfile").resolve() == ROOT / "images" / "api" / "Dockerfile"
    assert (ROOT / RAILWAY["build"]["dockerfilePath"]).is_file()
    deploy = RAILWAY["deploy"]
    assert (deploy["healthcheckTimeout"], deploy["restartPolicyType"]) == (300, "ON_FAILURE")
    assert deploy["drainingSeconds"] >= 30
