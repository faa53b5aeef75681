"""Disasters: the database lost, or wrong; the frontend broken; a whole region gone. Each time the way back is timed."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from typing import Any

import uvicorn

from infra.settings import PROJECT
from rehearsal import restores
from rehearsal.cloud import Record
from rehearsal.scenario import region
from rehearsal.scenario.engine import Run
from rehearsal.scenario.person import Person, health
from rehearsal.scenario.report import Report, expect
from rehearsal.scenario.story import facts, prepare_bootstrap, prepare_stack
from rehearsal.scenario.workspace import Workspace
from tests.fakes.vercel import Fake, create_app

HOME, SECOND, THIRD = "eu-central-1", "eu-west-1", "eu-north-1"
LONGEST_LOOK = 60.0  # seconds until a lost database shows at the API
OLD_LOGS, OLD_ROLE = "aws:cloudwatch/logGroup:LogGroup", "aws:iam/role:Role"
ALIAS = "aws:kms/alias:Alias"


class Disaster:
    """Tells disasters to a report. Every method is one, and expects those before it."""

    def __init__(self, place: Workspace, report: Report) -> None:
        self._place, self._engine, self._report = place, place.engine, report
        self._person = Person()

    def all(self) -> None:
        self.begin()
        self.database_lost()
        self.database_wrong()
        self.frontend_broken()
        self.region_gone()

    def begin(self) -> None:
        with self._report.step("Bootstrap and the stack come up, and somebody registers") as step:
            prepare_bootstrap(self._place)
            self._place.bootstrap.run("up")
            prepare_stack(self._place)
            # All that is asked for here comes from one address.
            self._set({"rate_limits.auth": "1000", "rate_limits.api": "10000"})
            done = self._engine.run("up")
            expect(self._person.registers(self._api()) == 201, "nobody can register")
            step.result, step.facts = done.counts(), facts(done)

    def database_lost(self) -> None:
        """The instance is deleted behind the stack's back; RDS keeps its backups."""
        lost = self._instance()
        with self._report.step(
            "The database is lost: RDS has no such instance any more. `/api/health` says 503"
        ) as step:
            restores.keep(self._place.cloud, lost)
            self._place.cloud.delete(lost)
            self._place.backend.servers.reconcile()
            self._wait_for(503)
            step.result = f"{lost.outputs['identifier']} is gone; of it RDS keeps the backups of {lost.id}"
        before = self._left_of(lost)
        with self._report.step(
            "database.generation: 2, restore.source: that id, `up --refresh`: the API moves to the restored one"
        ) as step:
            done = self._restore(2, lost.id, "--refresh")
            step.result, step.facts = f"{done.counts()}; who had registered logs in", facts(done)
        self._expect_left(before, lost)
        self._expect_nothing_to_do()

    def database_wrong(self) -> None:
        """The instance is there, but not what is in it: the one beside begins with a copy, the first stays as it is."""
        wrong = self._instance()
        before = self._left_of(wrong)
        with self._report.step(
            "The database is there, but wrong: generation 3 is restored beside it, which stays as it is"
        ) as step:
            done = self._restore(3, wrong.outputs["identifier"])
            newcomer = Person()
            expect(newcomer.registers(self._api()) == 201, "nobody can register in the restored database")
            now = self._place.cloud.read(wrong.type, wrong.id, wrong.region)
            expect(now == wrong, f"{wrong.outputs['identifier']} is not what it was: {now}")
            step.result, step.facts = f"{done.counts()}; {wrong.outputs['identifier']} is unchanged", facts(done)
        self._expect_left(before, wrong)
        self._expect_nothing_to_do()
        with self._report.step("The same generation from somewhere else is refused: it is there already") as step:
            self._set({"database.restore.source": "nuggetwise-production-database-1"})
            refused = self._engine.run("up", fails=True)
            told = "is there already" in refused.text and "Traceback" not in refused.text
            expect(told, f"it should say so, and no more; it printed:\n{refused.text}")
            expect(self._person.logs_in(self._api()) == 200, "the API should go on as it was")
            self._set({"database.restore.source": wrong.outputs["identifier"]})
            step.result = "refused, and the API goes on"

    def frontend_broken(self) -> None:
        """A bad build at Vercel; the one before is a command away."""
        what = "The frontend is broken: `make rollback-frontend` shows the build before"
        with self._vercel() as (fake, url), self._report.step(what) as step:
            step.result = self._ops("rollback-frontend", "--yes", VERCEL_API_URL=url).splitlines()[-1]
            expect(fake.shown == "dpl_before", f"the domain shows {fake.shown}")

    def region_gone(self) -> None:
        """Everything in the first region is gone. What was copied to the second is enough to come back there."""
        cloud, lost = self._place.cloud, self._instance()
        copied = region.copies(cloud, HOME)
        with self._report.step(
            f"{HOME} is gone, with everything in it. What its copies in {SECOND} need is there"
        ) as step:
            for kind in ("bucket", "backups of RDS", "secret", "images"):
                expect(any(copy.what == kind for copy in copied), f"no {kind} is copied out of {HOME}")
            expect({copy.region for copy in copied} == {SECOND}, f"copied elsewhere: {copied}")
            gone = region.lose(cloud, HOME)
            self._place.backend.services.end()
            self._place.backend.servers.reconcile()
            shut = region.unopened(cloud, copied)
            expect(not shut, f"nobody can open {[copy.name for copy in shut]}")
            counted = {kind: sum(copy.what == kind for copy in copied) for kind in ("bucket", "secret", "images")}
            step.result = f"{gone} things gone; there: {counted}, and the backups of RDS, each with its key"
            step.facts = {"gone": gone, "copies": [f"{copy.what} {copy.name}" for copy in copied]}
        with self._report.step("`make leave-region`: the state forgets what was at AWS") as step:
            step.result = self._ops("leave-region", "--yes").partition(";")[0]
        (backups,) = cloud.find(restores.REPLICATION, sourceDbInstanceArn=lost.outputs["arn"])
        with self._report.step(f"The settings name {SECOND}, and `up` builds the stack there from the copies") as step:
            self._delete_aliases()
            self._set({"aws.region": SECOND, "aws.copy_region": THIRD})
            self._set({"backups.bucket": "nuggetwise-production-west"})
            self._set({"backups.copy_bucket": "nuggetwise-production-west-copy"})
            done = self._restore(4, backups.id)
            step.result, step.facts = f"{done.counts()}; who had registered logs in", facts(done)
        self._expect_nothing_to_do()

    def _restore(self, generation: int, source: str, *arguments: str) -> Run:
        """Deploys a restored database, and expects the API at it, with who was in the one before."""
        self._set({"database.generation": str(generation), "database.restore.source": source})
        done = self._engine.run("up", *arguments)
        made = self._instance()
        expect(made.outputs["identifier"].endswith(f"-database-{generation}"), f"there is {made.outputs['identifier']}")
        for name in ("multiAz", "deletionProtection", "storageEncrypted"):
            expect(bool(made.outputs[name]), f"{name} of {made.outputs['identifier']} is {made.outputs.get(name)}")
        for name in ("vpcSecurityGroupIds", "parameterGroupName", "dbSubnetGroupName"):
            expect("default" not in str(made.outputs[name]), f"{name} is AWS's own: {made.outputs[name]}")
        # The roles step, too, has run at it: without it the roles would have no rights there.
        ran = [step for step in done.steps if step.type.endswith(":MigrationRun")]
        expect(bool(ran), "the roles and migrations step did not run at the restored database")
        expect(self._person.logs_in(self._api()) == 200, "who had registered cannot log in")
        return done

    def _set(self, values: dict[str, str]) -> None:
        self._engine.set({f"{PROJECT}:{key}": value for key, value in values.items()})

    def _api(self) -> str:
        (address,) = self._place.backend.services.addresses()
        return address

    def _instance(self) -> Record:
        """The stack's database: the newest generation."""
        found = [record for record in self._place.cloud.list(restores.INSTANCE) if f"::{PROJECT}::" in record.urn]
        return max(found, key=lambda record: int(record.outputs["identifier"].rpartition("-")[2]))

    def _wait_for(self, status: int) -> None:
        end = time.monotonic() + LONGEST_LOOK
        while (found := health(self._api())) != status:
            expect(time.monotonic() < end, f"/api/health says {found} after {LONGEST_LOOK:.0f} s instead of {status}")
            time.sleep(0.5)

    def _left_of(self, instance: Record) -> list[Record]:
        """What belongs to an instance besides itself: its logs, and the role of its monitoring."""
        identifier = instance.outputs["identifier"]
        logs = [one for one in self._place.cloud.list(OLD_LOGS) if f"/{identifier}/" in one.outputs["name"]]
        role = instance.outputs["monitoringRoleArn"]
        found = [*logs, *self._place.cloud.find(OLD_ROLE, arn=role)]
        expect(len(found) == 3, f"{identifier} should have two log groups and a role: {found}")
        return found

    def _expect_left(self, before: list[Record], instance: Record) -> None:
        now = self._left_of(instance)
        expect(now == before, f"what belongs to {instance.outputs['identifier']} is not what it was: {now}")

    def _expect_nothing_to_do(self) -> None:
        with self._report.step("The same again changes nothing") as step:
            done = self._engine.run("up", "--expect-no-changes")
            step.result = f"{done.same} resources"

    def _delete_aliases(self) -> None:
        """As `aws kms delete-alias` does: those in the other regions, which the stack gives to its new keys there."""
        own = f"alias/nuggetwise-{self._place.stack}-"
        for record in self._place.cloud.list(ALIAS):
            if record.outputs["name"].startswith(own):
                self._place.cloud.delete(record)

    def _ops(self, *arguments: str, **variables: str) -> str:
        """What a command of ours prints, in the rehearsal's copy of the project."""
        done = subprocess.run(
            [sys.executable, "-m", "ops", "--stack", self._place.stack, *arguments],
            cwd=self._place.project,
            env={**self._place.environment, **variables, "HOME": str(self._place.folder)},
            check=False,
            capture_output=True,
            text=True,
        )
        expect(done.returncode == 0, f"ops {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    @contextlib.contextmanager
    def _vercel(self) -> Generator[tuple[Fake, str]]:
        builds: list[dict[str, Any]] = [
            {"uid": "dpl_bad", "url": "bad.vercel.app", "created": 2_000_000, "meta": {}},
            {"uid": "dpl_before", "url": "before.vercel.app", "created": 1_000_000, "meta": {}},
        ]
        token = self._place.environment["VERCEL_API_TOKEN"]
        fake = Fake(token, f"nuggetwise-{self._place.stack}-web", "nuggetwise.com", builds)
        server = uvicorn.Server(uvicorn.Config(create_app(fake), port=0, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield fake, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = server.force_exit = True
        thread.join()
