"""All stand-in services of one rehearsal, behind one address."""

from pathlib import Path

from rehearsal.cloud import Cloud
from rehearsal.services import cloudflare
from rehearsal.services.authority import Authority
from rehearsal.services.deployments import Services
from rehearsal.services.logs import Logs
from rehearsal.services.machine import Machine
from rehearsal.services.protocol import Server
from rehearsal.services.servers import Servers
from rehearsal.services.tasks import Tasks

ECS = "AmazonEC2ContainerServiceV20141113"
LOGS = "Logs_20140328"


class Backend:
    """Serves ECS, CloudWatch Logs and a little of Cloudflare, until it is closed and every container is removed.

    Only images whose names begin with one of `ours` are run.
    """

    def __init__(self, cloud: Cloud, folder: Path, rehearsal: str, ours: tuple[str, ...]) -> None:
        self._machine = Machine(rehearsal)
        authority, logs = Authority(folder), Logs(cloud)
        self.servers = Servers(cloud, self._machine, authority)
        tasks = Tasks(cloud, self._machine, authority, self.servers, logs, ours)
        self.services = services = Services(cloud, self._machine, tasks)
        self._server = Server(
            {
                **{f"{ECS}.{name}": call for name, call in {**tasks.operations, **services.operations}.items()},
                **{f"{LOGS}.{name}": call for name, call in logs.operations.items()},
            },
            cloudflare.pages(cloud),
        )

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which boto3 and our own code find it, with credentials that nobody checks."""
        return {
            "AWS_ENDPOINT_URL_ECS": self._server.url,
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": self._server.url,
            "AWS_ACCESS_KEY_ID": "rehearsal",
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "CLOUDFLARE_BASE_URL": f"{self._server.url}{cloudflare.BASE}",
        }

    def close(self) -> None:
        self._server.close()
        self._machine.close()
