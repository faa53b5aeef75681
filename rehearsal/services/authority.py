"""The certificate authority of one rehearsal, in the place of Amazon's."""

from pathlib import Path

from infra.issuing import issue_authority, issue_server

# Where the API's image has Amazon's authorities; a rehearsed task finds this one there instead.
TRUSTED_AT = "/srv/rds-ca.pem"


class Authority:
    """Signs for the scratch servers. `file` is what their clients trust."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self._key = issue_authority("Nuggetwise rehearsal")
        self.file = folder / "rehearsal-ca.pem"
        self.file.write_text(self.certificate)
        self.file.chmod(0o644)  # tasks read it as uid 1001

    def issue(self, host: str) -> tuple[str, str]:
        """A server certificate for `host` and its key, both PEM."""
        # The first is the common name, which holds 64 characters at most; an address of RDS may be longer.
        return issue_server(self.certificate, self._key, ["rehearsal", host])
