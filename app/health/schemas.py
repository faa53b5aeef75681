"""The health document, as in the specification."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

ServiceStatus = Literal["healthy", "unhealthy", "not_configured"]
OverallStatus = Literal["healthy", "degraded", "unhealthy"]


class ServiceHealth(BaseModel):
    """One dependency; `latency_ms` is how long it took to answer, or null when it was not asked."""

    status: ServiceStatus
    latency_ms: float | None = Field(examples=[1.2])


class Services(BaseModel):
    """Every dependency."""

    database: ServiceHealth
    redis: ServiceHealth
    stripe: ServiceHealth
    v0: ServiceHealth


class Health(BaseModel):
    """How everything is."""

    status: OverallStatus
    timestamp: datetime
    version: str = Field(examples=["0.1.0+3f9c1c7d5e0b"])
    environment: str = Field(examples=["production"])
    services: Services


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """The process has seen everything it needs."""

    status: Literal["ready"] = "ready"
