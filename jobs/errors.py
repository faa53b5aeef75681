"""What stops a job, in words that may be shown."""

from migrations.errors import MigrationError


class JobError(MigrationError):
    """A job cannot go on; the message says why and what to do."""


class BrokenBackup(JobError):
    """What is in the bucket is not what was backed up: no other try will help it."""


class DiskFull(JobError):
    """There is no room for the work."""

    def __init__(self, said: str, where: str) -> None:
        super().__init__(f"a disk is full: {said}. Make room {where}")
