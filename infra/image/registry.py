"""The way into the registry: a login that is fetched anew for each run and never reaches the state."""

import base64
import json
import os
import pwd
import tempfile
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_docker as docker

from infra.settings import Settings

FOLDER = ".cache/nuggetwise/registry"


def provider(settings: Settings, opts: pulumi.InvokeOptions) -> docker.Provider:
    """A Docker provider that may push to the account's registry.

    ECR's password lives for 12 hours. Among the provider's inputs each run would show it as a change, so these name a
    file that always is in one place, and the password is written there before the provider starts. A command that asks
    the provider without running this program (`pulumi refresh` without `--run-program`) finds what the last run left.
    """
    token = aws.ecr.get_authorization_token(opts=opts)
    file = f"{FOLDER}/{settings.name}.json"
    write_login(home() / file, token.proxy_endpoint, token.user_name, token.password)
    return docker.Provider(
        "registry",
        registry_auth=[docker.ProviderRegistryAuthArgs(address=token.proxy_endpoint, config_file=f"~/{file}")],
        # A stack that deploys what is published already needs no Docker.
        disable_docker_daemon_check=True,
    )


def home() -> Path:
    """What the Docker provider takes `~` for: the home of the user's entry, and $HOME only for a user without one."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path.home()


def write_login(file: Path, endpoint: str, user: str, password: str) -> None:
    """Writes a file in the form of Docker's own, readable by this user alone, whole or not at all."""
    host = endpoint.partition("://")[2].partition("/")[0]
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    # mkstemp gives the file 0600.
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(handle, "w") as stream:
            json.dump({"auths": {host: {"auth": login}}}, stream)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
