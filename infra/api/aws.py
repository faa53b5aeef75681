"""The API on ECS Fargate: its task, the service that keeps it running, and how many of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.api import variables
from infra.api.rollout import RolloutCheck
from infra.cluster.task import Container, Probe, task_definition
from infra.policy import Statement
from infra.role.aws import roles

if TYPE_CHECKING:
    from infra.cluster.aws import Cluster
    from infra.image.aws import Image
    from infra.load_balancer.aws import LoadBalancer
    from infra.network.aws import Network
    from infra.settings import Settings

    Metric = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgsDict

CONTAINER = "api"
MEMORY = 512  # MiB, as on dev

# A task is at its limit with half a core in use. At 60 % of that there is time to start another, which takes a minute.
CPU_TARGET = 60.0  # per cent
# Half a core serves 606 requests a second (docs/decisions/0007-hot-path.md). A third of that, per minute: requests that
# wait for Stripe or v0 take memory and connections, which the CPU does not show.
REQUESTS_TARGET = 12_000.0


class Api(pulumi.ComponentResource):
    """Tasks behind the load balancer. `pulumi up` ends when they all run this release, and fails when they do not.

    `secrets` are the API's secret variables, each by what Secrets Manager is asked for, which `keys` encrypt.
    `sidecars` run beside the API in each task, and `statements` say what the two may do at AWS. One of `alarms` ringing
    during a deployment rolls it back.
    """

    service_name: pulumi.Output[str]
    task_definition_arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: Settings,
        cluster: Cluster,
        network: Network,
        load_balancer: LoadBalancer,
        image: Image,
        secrets: Mapping[str, pulumi.Input[str]],
        keys: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
        *,
        sidecars: Sequence[Container] = (),
        statements: Sequence[pulumi.Input[Statement]] = (),
        alarms: Sequence[pulumi.Input[str]] = (),
    ) -> None:
        super().__init__("nuggetwise:aws:Api", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        api = Container(
            CONTAINER,
            image.reference,
            MEMORY,
            environment=_environment(settings, load_balancer),
            secrets=secrets,
            port=variables.PORT,
            probe=Probe(["probe"]),
        )
        containers = [api, *sidecars]
        task = task_definition(
            name,
            settings,
            cluster,
            roles(
                name,
                settings,
                repositories=[image.repository_arn],
                log_group=cluster.log_group_arn,
                secrets=[source for container in containers for source in container.secrets.values()],
                keys=keys,
                statements=statements,
                opts=child,
            ),
            containers,
            (settings.api.task_cpu, settings.api.task_memory),
            child,
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-from-load-balancer",
            security_group_id=cluster.task_security_group_id,
            referenced_security_group_id=load_balancer.security_group_id,
            ip_protocol="tcp",
            from_port=variables.PORT,
            to_port=variables.PORT,
            description="the load balancer to the API",
            opts=child,
        )
        service = self._service(name, settings, cluster, network, load_balancer, task, alarms)
        self._autoscaling(name, settings, cluster, load_balancer, service)
        RolloutCheck(
            f"{name}-rollout",
            region=settings.place.region,
            cluster=cluster.name,
            service=service.name,
            task_definition=task.arn,
            container=CONTAINER,
            log_group=cluster.log_group_name,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[service]),
        )
        self.service_name, self.task_definition_arn = service.name, task.arn
        self.register_outputs({})

    def _service(
        self,
        name: str,
        settings: Settings,
        cluster: Cluster,
        network: Network,
        load_balancer: LoadBalancer,
        task: aws.ecs.TaskDefinition,
        alarms: Sequence[pulumi.Input[str]],
    ) -> aws.ecs.Service:
        return aws.ecs.Service(
            name,
            cluster=cluster.arn,
            task_definition=task.arn,
            launch_type="FARGATE",
            platform_version="LATEST",
            desired_count=settings.api.replicas,
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_circuit_breaker={"enable": True, "rollback": True},
            alarms={"enable": True, "rollback": True, "alarm_names": alarms} if alarms else None,
            availability_zone_rebalancing="ENABLED",
            # The load balancer asks from the first second on; a task that does not listen yet is not a dead one.
            health_check_grace_period_seconds=60,
            load_balancers=[
                {
                    "target_group_arn": load_balancer.target_group_arn,
                    "container_name": CONTAINER,
                    "container_port": variables.PORT,
                }
            ],
            network_configuration={
                "subnets": network.private_subnet_ids,
                "security_groups": [cluster.task_security_group_id],
                "assign_public_ip": False,
            },
            enable_execute_command=False,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            opts=pulumi.ResourceOptions(
                parent=self,
                # ECS refuses a target group that no listener forwards to.
                depends_on=[load_balancer.listener],
                ignore_changes=["desiredCount"],  # autoscaling's
            ),
        )

    def _autoscaling(
        self, name: str, settings: Settings, cluster: Cluster, load_balancer: LoadBalancer, service: aws.ecs.Service
    ) -> None:
        target = aws.appautoscaling.Target(
            name,
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", cluster.name, "/", service.name),
            min_capacity=settings.api.replicas,
            max_capacity=settings.api.max_replicas or settings.api.replicas,
            opts=pulumi.ResourceOptions(parent=self),
        )
        requests = pulumi.Output.concat(load_balancer.arn_suffix, "/", load_balancer.target_group_arn_suffix)
        _track(f"{name}-cpu", target, CPU_TARGET, {"predefined_metric_type": "ECSServiceAverageCPUUtilization"})
        _track(
            f"{name}-requests",
            target,
            REQUESTS_TARGET,
            {"predefined_metric_type": "ALBRequestCountPerTarget", "resource_label": requests},
        )


def _environment(settings: Settings, load_balancer: LoadBalancer) -> dict[str, pulumi.Input[str]]:
    environment: dict[str, pulumi.Input[str]] = {
        **variables.plain(settings),
        "TRUSTED_PROXIES": load_balancer.trusted_proxies,
    }
    if settings.plans.pro.stripe_price:
        environment["STRIPE_PRICE_PRO"] = settings.plans.pro.stripe_price
    return environment


def _track(name: str, target: aws.appautoscaling.Target, value: float, metric: Metric) -> None:
    """Keeps a metric's average over the tasks at `value` by starting and stopping tasks."""
    aws.appautoscaling.Policy(
        name,
        policy_type="TargetTrackingScaling",
        service_namespace=target.service_namespace,
        scalable_dimension=target.scalable_dimension,
        resource_id=target.resource_id,
        target_tracking_scaling_policy_configuration={
            "predefined_metric_specification": metric,
            "target_value": value,
            "scale_out_cooldown": 60,
            # Slower down than up, so that a lull between two waves costs no restart.
            "scale_in_cooldown": 300,
        },
        opts=pulumi.ResourceOptions(parent=target),
    )
