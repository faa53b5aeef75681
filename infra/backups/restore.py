"""The restore as a Fargate task, which `make restore` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from infra.schedule.job import RESTORE

if TYPE_CHECKING:
    from infra.schedule.task import Administrator, Jobs


class Restore(pulumi.ComponentResource):
    """Its task definition and roles. Nothing starts it but an operator, and it alone gets the administrator."""

    def __init__(self, name: str, jobs: Jobs, administrator: Administrator, opts: pulumi.ResourceOptions) -> None:
        super().__init__("nuggetwise:aws:Restore", name, None, opts)
        jobs.task(RESTORE, pulumi.ResourceOptions(parent=self), administrator)
        self.register_outputs({})
