"""The frontend's project at Vercel, its domains and its variables."""

import pulumi
import pulumiverse_vercel as vercel

from infra import names
from infra.dns.record import record
from infra.settings import Settings

# https://vercel.com/docs/domains/set-up-custom-domain
APEX_ADDRESS = "76.76.21.21"
ALIAS = "cname.vercel-dns-0.com"


def hosts(settings: Settings) -> tuple[str, str | None]:
    """The host of `frontend_url`, and the one that redirects there: an apex has a `www`, anything else none."""
    host = settings.frontend_url.split("://")[1]
    return host, f"www.{host}" if host == settings.cloudflare.zone else None


def variables(settings: Settings) -> dict[str, str]:
    """What the app's build reads, as far as it is set. All of it ends up in browsers, so none is a secret."""
    frontend = settings.frontend
    values = {
        "NEXT_PUBLIC_API_URL": f"https://{settings.api.hostname}",
        "NEXT_PUBLIC_STRIPE_PUBLISHABLE_KEY": frontend.stripe_publishable_key,
        "NEXT_PUBLIC_GA_TRACKING_ID": frontend.ga_tracking_id,
        "NEXT_PUBLIC_HOTJAR_ID": frontend.hotjar_id,
    }
    return {name: value for name, value in values.items() if value}


class Frontend(pulumi.ComponentResource):
    """A project for this stack alone, which builds one branch: as its production deployment in production, elsewhere as
    a preview that is bound to the host.

    Another variable counts from the next build on. Records are DNS only, because Vercel brings a CDN and certificates
    of its own. A preview asks for a login at Vercel, on its host as well.
    """

    project_id: pulumi.Output[str]

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions) -> None:
        super().__init__("nuggetwise:vercel:Frontend", name, None, opts)
        self._settings = settings
        self._child = pulumi.ResourceOptions(parent=self)
        self._production = settings.environment == "production"
        self.project_id = self._project(name)
        for variable, value in variables(settings).items():
            vercel.ProjectEnvironmentVariable(
                variable.removeprefix("NEXT_PUBLIC_").lower().replace("_", "-"),
                project_id=self.project_id,
                key=variable,
                value=value,
                sensitive=False,
                targets=["production" if self._production else "preview"],
                opts=self._child,
            )
        self._domains()
        self.register_outputs({})

    def _project(self, name: str) -> pulumi.Output[str]:
        frontend = self._settings.frontend
        assert frontend.repository is not None  # what the settings' own check promises for a cloud stack
        return vercel.Project(
            name,
            name=names.of(self._settings, "web"),
            framework="nextjs",
            git_repository=vercel.ProjectGitRepositoryArgs(
                type="github",
                repo=frontend.repository,
                production_branch=frontend.branch if self._production else None,
            ),
            # Exit code 0 skips a build. Every stack's project is told of every branch.
            # https://vercel.com/kb/guide/how-do-i-use-the-ignored-build-step-field-on-vercel
            ignore_command=f'test "$VERCEL_GIT_COMMIT_REF" != "{frontend.branch}"',
            automatically_expose_system_environment_variables=True,
            # Everything but production's own domains asks for a login.
            # https://vercel.com/docs/deployment-protection
            vercel_authentication=vercel.ProjectVercelAuthenticationArgs(deployment_type="standard_protection_new"),
            git_fork_protection=True,
            opts=self._child,
        ).id

    def _domains(self) -> None:
        host, redirecting = hosts(self._settings)
        if redirecting is None:
            record("web", self._settings, "CNAME", host, ALIAS, self._child)
        else:
            record("web", self._settings, "A", host, APEX_ADDRESS, self._child)
        shown = vercel.ProjectDomain(
            "web",
            project_id=self.project_id,
            domain=host,
            git_branch=None if self._production else self._settings.frontend.branch,
            opts=self._child,
        )
        if redirecting:
            record("www", self._settings, "CNAME", redirecting, ALIAS, self._child)
            vercel.ProjectDomain(
                "www",
                project_id=self.project_id,
                domain=redirecting,
                redirect=shown.domain,
                redirect_status_code=308,
                opts=self._child,
            )
