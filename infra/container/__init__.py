"""What every container of the dev environment has in common."""

# The one place a read-only container may write to; it is memory and ends with the container.
SCRATCH = {"/tmp": "rw,noexec,nosuid,nodev,size=64m"}

# The name by which what talks to servers outside the stack finds one on this machine; Docker Desktop has it anyway.
THIS_MACHINE = {"host.docker.internal": "host-gateway"}
