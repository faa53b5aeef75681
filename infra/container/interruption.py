"""What a preview says when a container is to be replaced that has no twin meanwhile."""

import pulumi

from infra import labels


def told(component: str, stack: str, text: str) -> pulumi.ResourceOptions | None:
    """Options with which a preview that replaces the component's container says `text`; None where there is none."""
    if not text:
        return None

    def tell(_: pulumi.ResourceHookArgs) -> None:
        if is_there(component, stack):
            pulumi.warn(f"{component}: its container will be replaced. {text}")

    hook = pulumi.ResourceHook(f"{component}-interruption", tell, pulumi.ResourceHookOptions(on_dry_run=True))
    return pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_create=[hook]))


def is_there(component: str, stack: str) -> bool:
    """Whether the stack has such a container now, so that one which is to be created is to take its place."""
    import docker

    client = docker.from_env()
    try:
        wanted = [f"{key}={value}" for key, value in labels.of_component(stack, component).items()]
        return bool(client.containers.list(all=True, ignore_removed=True, filters={"label": wanted}))
    finally:
        client.close()
