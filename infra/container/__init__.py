"""What every container of the dev environment has in common."""

# The one place a read-only container may write to; it is memory and ends with the container.
SCRATCH = {"/tmp": "rw,noexec,nosuid,nodev,size=64m"}
