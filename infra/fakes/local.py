"""The fakes of Stripe and v0, for a stack without keys of its own."""

from collections.abc import Mapping

import pulumi
import pulumi_docker as docker

from infra import release
from infra.container import local as container
from infra.generated_secret import GeneratedSecret
from infra.image import local as image
from infra.load_balancer import local as load_balancer
from infra.settings import Settings


class Fakes(pulumi.ComponentResource):
    """One container with both; published on a loopback port too, for a browser and for tests.

    `services` are the variables by which the API finds them and they it. Its keys are made for this stack alone.
    """

    services: Mapping[str, pulumi.Input[str]]

    def __init__(
        self,
        name: str,
        settings: Settings,
        api_image: docker.RemoteImage,
        network: docker.Network,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:local:Fakes", name, None, opts)
        assert settings.port is not None  # what the settings promise for dev
        child = pulumi.ResourceOptions(parent=self)
        port = settings.port + 3

        def generated(secret: str) -> pulumi.Output[str]:
            return GeneratedSecret(f"{name}-{secret}", child).value

        keys: dict[str, pulumi.Input[str]] = {
            "STRIPE_SECRET_KEY": pulumi.Output.concat("sk_test_", generated("stripe-key")),
            "STRIPE_WEBHOOK_SECRET": pulumi.Output.concat("whsec_", generated("webhook-secret")),
            "V0_API_KEY": pulumi.Output.concat("v1:", generated("v0-key")),
        }
        container.run(
            name,
            settings.name,
            container.Spec(
                component="fakes",
                image=image.build(
                    "fakes",
                    # The base has to be there first; by its own name a change of the API's code would rebuild this.
                    pulumi.ResourceOptions(parent=self, depends_on=[api_image]),
                    arguments={"API_IMAGE": release.api_base_name()},
                ),
                probe=container.Probe(["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8000/"], interval=10),
                memory=192,
                environment={
                    **keys,
                    "PUBLIC_URL": f"http://127.0.0.1:{port}",
                    "WEBHOOK_URL": f"{load_balancer.INSIDE}/api/webhooks/stripe",
                },
                aliases=["fakes"],
                ports={8000: port},
            ),
            network,
            pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.services = {
            **keys,
            "STRIPE_API_URL": "http://fakes:8000/stripe",
            "STRIPE_PRICE_PRO": settings.plans.pro.stripe_price or "price_pro_of_the_fake",
            "V0_API_URL": "http://fakes:8000/v0",
        }
        self.register_outputs({})
