"""The rehearsal itself: a stack's whole life in the order in which it is lived."""

from collections import Counter
from collections.abc import Collection
from typing import Any

from infra.settings import PROJECT
from rehearsal.cloud import Records
from rehearsal.scenario import outside, releases, settings_file
from rehearsal.scenario.engine import Run
from rehearsal.scenario.report import Report, expect
from rehearsal.scenario.workspace import Workspace

BOOTSTRAP = "nuggetwise-bootstrap"

# What a change of the task's size may touch: the task, the service that runs it, the check that it does.
OF_A_RELEASE = frozenset(
    {
        "aws:ecs/taskDefinition:TaskDefinition",
        "aws:ecs/service:Service",
        "pulumi-python:dynamic:RolloutCheck",
    }
)
# What a digest in the settings leaves undeclared: the image that the stack built itself. It stays where it is.
OF_A_BUILD = frozenset({"docker:index/remoteImage:RemoteImage", "docker:index/registryImage:RegistryImage"})
UNDECIDED = "undecided"
"""The policy by which the pack says what a preview cannot decide (policies/undecided.py)."""
BACKUP_BUCKETS = 2
"""The backups, and their copy in the second region."""


class Story:
    """Tells one rehearsal to a report. Every method is a step of it, and expects those before it."""

    def __init__(self, place: Workspace, report: Report) -> None:
        self._place = place
        self._engine = place.engine
        self._report = report

    def whole(self) -> None:
        self.begin()
        for step in (self.change, self.deploy_by_digest, self.broken_release):
            step()
        self.end()

    def brief(self) -> None:
        """Without what is the same code in staging and in production."""
        self.begin()
        self.end()

    def begin(self) -> None:
        for step in (self.bootstrap, self.preview, self.up, self.no_op, self.drift):
            step()

    def end(self) -> None:
        for step in (self.refused_destroy, self.break_glass):
            step()

    def bootstrap(self) -> None:
        """What staging and production share comes first, as in a real account."""
        with self._report.step("The bootstrap stack comes up, under the policy pack") as step:
            prepare_bootstrap(self._place)
            done = self._place.bootstrap.run("up", *self._policies())
            _expect_no_violation(done)
            step.result = f"{done.counts()}; no violation"
            step.facts = facts(done)

    def preview(self) -> None:
        with self._report.step("A preview of the stack, under the policy pack, shows no violation") as step:
            prepare_stack(self._place)
            done = self._engine.run("preview", *self._policies())
            waiting = _expect_no_violation(done, undecided=True)
            step.result = f"{done.counts()}; no violation, {waiting} resources to be judged when they are made"
            step.facts = facts(done)

    def up(self) -> None:
        with self._report.step(
            "It comes up: image built and pushed, schema migrated, API running, no violation"
        ) as step:
            done = self._engine.run("up", *self._policies())
            _expect_no_violation(done)
            outputs = self._engine.outputs()
            step.result = f"{done.counts()}; schema revision {outputs['schema_revision']}"
            resources = self._engine.resources()
            step.facts = {
                **facts(done),
                "resources": sum(bool(each.get("custom")) for each in resources),
                "components": sum(not each.get("custom") for each in resources),
            }

    def no_op(self) -> None:
        with self._report.step("The same again changes nothing") as step:
            done = self._engine.run("up", "--expect-no-changes")
            expect(not done.steps, f"a second `up` should have changed nothing, yet it did: {_listed(done)}")
            step.result = f"{done.same} resources stayed the same"
            step.facts = facts(done)

    def drift(self) -> None:
        before = self._standing()
        done_outside = outside.meddle(self._place.cloud)
        what = "; ".join(done_outside.values())
        with self._report.step(f"Changed outside: {what}. A refreshed preview shows it") as step:
            shown = self._engine.run("preview", "--refresh")
            self._expect_touched(shown, done_outside.keys())
            step.result = shown.counts()
            step.facts = facts(shown)
        with self._report.step("`up --refresh` repairs it") as step:
            repaired = self._engine.run("up", "--refresh")
            self._expect_touched(repaired, done_outside.keys())
            self._expect_as_before(before)
            step.result = f"{repaired.counts()}; the cloud is as it was"
            step.facts = facts(repaired)

    def change(self) -> None:
        with self._report.step(
            "A changed setting (api.task_memory: 2048) touches the API's task and nothing else"
        ) as step:
            self._engine.set({f"{PROJECT}:api.task_memory": "2048"})
            done = self._engine.run("up")
            _expect_types(done, OF_A_RELEASE)
            step.result = done.counts()
            step.facts = facts(done)

    def deploy_by_digest(self) -> None:
        reference = str(self._engine.outputs()["image"])
        own = reference.partition("@")[2]
        other = self._variant(reference, 'LABEL release="another"')
        with self._report.step("Another image is deployed by its digest: nothing is built") as step:
            self._engine.set({f"{PROJECT}:image": other})
            done = self._engine.run("up")
            _expect_types(done, OF_A_RELEASE | OF_A_BUILD)
            built = [str(each) for each in done.steps if each.type in OF_A_BUILD and each.op != "delete"]
            expect(not built, f"a deploy by digest should build nothing, yet it did: {', '.join(built)}")
            expect(self._engine.outputs()["image"].endswith(other), "the output `image` is not the one asked for")
            step.result = done.counts()
            step.facts = facts(done)
        with self._report.step("The image before is deployed by its digest: a rollback needs no build") as step:
            self._engine.set({f"{PROJECT}:image": own})
            done = self._engine.run("up")
            _expect_types(done, OF_A_RELEASE)
            step.result = done.counts()
            step.facts = facts(done)

    def broken_release(self) -> None:
        reference = str(self._engine.outputs()["image"])
        own = reference.partition("@")[2]
        broken = self._variant(reference, 'CMD ["sh", "-c", "echo this release cannot start; exit 3"]')
        with self._report.step("A release that cannot start fails the update, with its own log") as step:
            self._engine.set({f"{PROJECT}:image": broken})
            done = self._engine.run("up", fails=True)
            for wanted in ("this release cannot start", "exit code 3"):
                expect(wanted in done.text, f"the failed update should say {wanted!r}; it printed:\n{done.text}")
            step.result = f"{done.counts()}; ECS went back to the release before"
        with self._report.step("The release before is deployed again") as step:
            self._engine.set({f"{PROJECT}:image": own})
            done = self._engine.run("up")
            step.result = done.counts()
            step.facts = facts(done)

    def refused_destroy(self) -> None:
        before = self._standing()
        with self._report.step("`destroy` is refused before anything is gone") as step:
            done = self._engine.run("destroy", fails=True)
            expect("protected" in done.text, f"`destroy` should be refused by protection; it printed:\n{done.text}")
            self._expect_as_before(before)
            # Nothing can depend on a component without resources, such as an image by its digest, or on the engine's
            # own provider: they are lines of the state, which may be forgotten and are written again.
            again = self._engine.run("up")
            lines = ("nuggetwise:", "pulumi:providers:")
            gone = [str(each) for each in again.steps if not each.type.startswith(lines)]
            expect(not gone, f"after the refused `destroy` there was something to do: {', '.join(gone)}")
            step.result = f"refused; {len(before)} things of the cloud stand as they stood"
            step.facts = facts(done)

    def break_glass(self) -> None:
        with self._report.step("Break-glass: the protection comes off") as step:
            self._engine.set({f"{PROJECT}:break_glass": "true"})
            step.result = self._engine.run("up").counts()
        # What the program itself says is to outlive the stack: the backups, and the keys and copies that they need.
        outlives = {each["urn"] for each in self._engine.resources() if each.get("retainOnDelete")}
        with self._report.step("`destroy` removes all but what is to outlive the stack") as step:
            done = self._engine.run("destroy")
            left = self._of_the_stack(self._place.cloud.list())
            strange = [f"{each.type} {each.id}" for each in left if each.urn not in outlives]
            expect(not strange, f"left over: {', '.join(strange)}")
            kinds = Counter(record.type.rpartition(":")[2] for record in left)
            expect(kinds["Bucket"] >= BACKUP_BUCKETS, f"the backups' buckets are gone; left are {dict(kinds)}")
            expect(
                kinds["Secret"] == 1,
                f"what opens the backups, and no other secret, should stay; left are {dict(kinds)}",
            )
            step.result = f"{done.counts()}; left: " + ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
            step.facts = {**facts(done), "left": dict(kinds)}

    def _policies(self) -> list[str]:
        return ["--policy-pack", str(self._place.policies)]

    def _variant(self, reference: str, change: str) -> str:
        return releases.publish_variant(reference, [change], self._place.rehearsal)

    def _of_the_stack(self, records: Records) -> Records:
        return [record for record in records if f"::{PROJECT}::" in record.urn]

    def _standing(self) -> dict[str, Any]:
        """What the cloud has of the stack, by URN."""
        return {each.urn: each.outputs for each in self._of_the_stack(self._place.cloud.list())}

    def _expect_as_before(self, before: dict[str, Any]) -> None:
        now = self._standing()
        expect(before.keys() == now.keys(), f"not there as before: {sorted(before.keys() ^ now.keys())}")
        changed = [urn for urn, outputs in before.items() if _settled(outputs) != _settled(now[urn])]
        expect(not changed, f"not as before: {changed}")

    def _expect_touched(self, done: Run, urns: Collection[str]) -> None:
        touched = {step.urn for step in done.steps}
        expect(touched == set(urns), f"expected changes of {sorted(urns)}, found {_listed(done)}")


def prepare_bootstrap(place: Workspace) -> None:
    """Makes the bootstrap stack, with settings that are whole."""
    file = place.project / "bootstrap" / "Pulumi.global.yaml"
    settings_file.prepare(file, BOOTSTRAP, settings_file.REPLACED, settings_file.FILLED_BOOTSTRAP)
    place.bootstrap.init()


def prepare_stack(place: Workspace) -> None:
    """Makes the stack, with settings that are whole."""
    file = place.project / f"Pulumi.{place.stack}.yaml"
    settings_file.prepare(file, PROJECT, settings_file.REPLACED, settings_file.FILLED)
    place.engine.init()
    place.engine.set(settings_file.new_secrets(PROJECT), secret=True)


def facts(done: Run) -> dict[str, Any]:
    """What a program that reads the report may want to know of a run."""
    return {
        "operations": dict(Counter(step.op for step in done.steps)),
        "same": done.same,
        "violations": [str(each) for each in done.violations if each.policy != UNDECIDED],
        "seconds": round(done.seconds, 1),
    }


def _settled(outputs: dict[str, Any]) -> dict[str, Any]:
    """Without what is new whenever something is made anew."""
    return {
        key: value for key, value in outputs.items() if not key.endswith(("On", "At", "Date", "Time")) and key != "id"
    }


def _expect_no_violation(done: Run, *, undecided: bool = False) -> int:
    """Returns for how many resources a preview cannot decide yet; `undecided` lets it."""
    waiting = [each for each in done.violations if each.policy == UNDECIDED]
    found = done.violations if not undecided else [each for each in done.violations if each.policy != UNDECIDED]
    expect(not found, "the policy pack objects:\n" + "\n".join(map(str, found)))
    return len(waiting)


def _expect_types(done: Run, allowed: Collection[str]) -> None:
    others = [str(step) for step in done.steps if step.type not in allowed]
    expect(bool(done.steps), "nothing was changed at all")
    expect(not others, f"touched besides: {', '.join(others)}")


def _listed(done: Run) -> str:
    return ", ".join(map(str, done.steps)) or "nothing"
