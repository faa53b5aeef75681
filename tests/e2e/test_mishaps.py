"""What goes wrong on a developer's machine: each is a clear message or a repair, and nothing is lost."""

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import yaml

from infra import labels

from .conftest import Person, Stack, eventually, kill_engine

NewPerson = Callable[[], Person]


def settings_file(stack: Stack) -> Path:
    return stack.project / f"Pulumi.{stack.name}.yaml"


def test_an_unknown_setting_is_refused_before_anything_starts(stack: Stack) -> None:
    file = settings_file(stack)
    original = file.read_text()
    file.write_text(original.replace("replicas:", "replica:"))
    try:
        done = stack.up()
        engine = stack.pulumi("preview")
    finally:
        file.write_text(original)
    expected = f"{file.name}: nuggetwise:api.replica: unknown setting; did you mean replicas?"
    assert (done.code, done.text.strip()) == (1, f"error: {expected}")
    assert expected in engine.text, "plain pulumi tells the same"
    assert "Traceback" not in engine.text


def test_a_port_in_use_is_told_with_the_setting_to_change(stack: Stack, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        name = f"{stack.name}b"
        done = stack.run("python", "-m", "ops", "--stack", name, "up", "--port", str(port))
    assert done.code == 1
    assert f"{port} is in use by another program" in done.text
    assert f"Pulumi.{name}.yaml: nuggetwise:port" in done.text
    assert not (stack.project / f"Pulumi.{name}.yaml").exists(), "another PORT can be asked for"
    assert name not in stack.run("pulumi", "stack", "ls", "--json").text


def test_an_engine_that_does_not_answer_is_told_with_the_fix(stack: Stack) -> None:
    done = stack.up(DOCKER_HOST="tcp://127.0.0.1:9")
    assert done.code == 1
    assert "the Docker Engine does not answer" in done.text
    assert "Traceback" not in done.text


def test_a_wrong_passphrase_is_told_with_its_file_and_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong")
    done = stack.up(PULUMI_CONFIG_PASSPHRASE_FILE=str(wrong))
    assert done.code == 1
    assert f"the passphrase in {wrong} does not open this stack's state" in done.text
    assert stack.outputs()["database_url"].startswith("postgresql://")


def test_two_ups_at_once_do_not_meet(stack: Stack) -> None:
    first = stack.start("python", "-m", "ops", "--stack", stack.name, "up")
    try:
        eventually(lambda: (stack.state / f".{stack.name}.lock").read_text() == str(first.pid), 10, "the lock")
        second = stack.up()
    finally:
        text = first.communicate(timeout=300)[0]
    assert second.code == 1
    assert f"stack {stack.name} is being changed by process {first.pid}" in second.text
    assert first.returncode == 0, text


def test_the_lock_of_a_living_pulumi_is_respected(stack: Stack) -> None:
    running = stack.start("pulumi", "refresh", "--yes", "--non-interactive", "--stack", stack.name)
    try:
        eventually(lambda: any((stack.state / ".pulumi" / "locks").rglob("*.json")), 60, "the engine's lock")
        os.kill(running.pid, signal.SIGSTOP)
        second = stack.up()
        os.kill(running.pid, signal.SIGCONT)
    finally:
        text = running.communicate(timeout=300)[0]
    assert second.code == 1
    assert f"is being changed by another pulumi: process {running.pid}" in second.text
    assert running.returncode == 0, text


def test_a_killed_up_is_finished_by_the_next_one(stack: Stack, client: httpx.Client, new_person: NewPerson) -> None:
    person = new_person()
    before = {container.id for container in stack.containers("api")}
    with stack.changed_code():
        doomed = stack.start("python", "-m", "ops", "--stack", stack.name, "up")
        # Killed while the new replicas exist and the state does not know them yet.
        eventually(lambda: bool({c.id for c in stack.containers("api")} - before), 120, "a new replica")
        os.killpg(doomed.pid, signal.SIGKILL)
        doomed.communicate(timeout=30)
        kill_engine(stack)
        orphans = {container.id for container in stack.containers("api")} - before
        assert client.get("/api/users/me", headers=person.headers).status_code == 200
        done = stack.up()
    assert done.code == 0, done.text
    assert "was killed; its lock is released" in done.text
    assert "is not in the stack's state; removing it" in done.text
    now = {container.id for container in stack.containers("api")}
    assert len(now) == 3
    assert now.isdisjoint(orphans)
    assert client.get("/api/users/me", headers=person.headers).status_code == 200


def test_an_up_that_is_interrupted_by_the_keyboard_can_be_run_again(stack: Stack) -> None:
    with stack.changed_code("# interrupted"):
        running = stack.start("python", "-m", "ops", "--stack", stack.name, "up")
        eventually(lambda: any((stack.state / ".pulumi" / "locks").rglob("*.json")), 60, "the engine's lock")
        time.sleep(3)  # the program runs by now
        os.killpg(running.pid, signal.SIGINT)
        text = running.communicate(timeout=300)[0]
    assert running.returncode != 0
    assert "Traceback" not in text, text
    done = stack.up()
    assert done.code == 0, done.text


def test_old_code_that_the_state_does_not_know_stops_serving(stack: Stack) -> None:
    replica = stack.containers("api")[0]
    network = next(iter(replica.attrs["NetworkSettings"]["Networks"]))
    stranger = stack.engine.containers.run(
        replica.attrs["Image"], ["sleep", "600"], detach=True, labels=replica.labels, network=network
    )
    done = stack.up()
    assert done.code == 0, done.text
    assert f"container {stranger.name} is not in the stack's state; removing it" in done.text
    assert stranger.id not in {container.id for container in stack.containers("api")}


def test_another_states_stack_of_the_same_name_is_left_alone(stack: Stack) -> None:
    replica = stack.containers("api")[0]
    theirs = {**replica.labels, labels.STATE: "another"}
    container = stack.engine.containers.run(replica.attrs["Image"], ["sleep", "600"], detach=True, labels=theirs)
    try:
        assert stack.up().code == 0
        container.reload()
        assert container.status == "running"
    finally:
        container.remove(force=True)


def test_what_was_removed_by_hand_is_made_again_and_the_data_is_still_there(
    stack: Stack, client: httpx.Client, new_person: NewPerson
) -> None:
    person = new_person()
    stack.containers("database")[0].remove(force=True)
    stack.containers("api")[0].remove(force=True)
    stack.containers("cache")[0].stop()
    done = stack.up()
    assert done.code == 0, done.text
    assert "not there or not running any more: " in done.text
    assert stack.ops("status").code == 0
    eventually(
        lambda: client.get("/api/users/me", headers=person.headers).status_code == 200, 30, "the person is still known"
    )
    assert stack.resource_changes() == {}


def test_a_network_that_was_removed_by_hand_is_made_again_with_all_that_was_in_it(
    stack: Stack, client: httpx.Client, new_person: NewPerson
) -> None:
    person = new_person()
    (network,) = stack.engine.networks.list(filters={"label": f"{labels.STACK}={stack.name}"})
    network.reload()
    for container in network.containers:
        network.disconnect(container, force=True)
    network.remove()
    done = stack.up()
    assert done.code == 0, done.text
    assert stack.ops("status").code == 0
    eventually(
        lambda: client.get("/api/users/me", headers=person.headers).status_code == 200, 30, "the person is still known"
    )


def test_a_server_that_hangs_is_ended_and_restarted(stack: Stack) -> None:
    replica = stack.containers("api")[0]
    started = replica.attrs["State"]["StartedAt"]
    code, output = replica.exec_run(["sh", "-c", "kill -STOP $(cat /tmp/api.pid)"])
    assert code == 0, output

    def anew() -> bool:
        replica.reload()
        state = replica.attrs["State"]
        return state["StartedAt"] != started and state["Health"]["Status"] == "healthy"

    eventually(anew, 120, "the hung server restarted and healthy (SPEC: within 2 minutes)")


def test_make_down_without_a_terminal_deletes_nothing(stack: Stack, client: httpx.Client) -> None:
    done = stack.ops("down")
    assert done.code == 1
    assert "make down YES=1" in done.text
    assert client.get("/api/health").status_code == 200


def test_the_settings_file_of_a_new_stack_is_a_copy_of_devs_with_its_own_port(stack: Stack) -> None:
    config = yaml.safe_load(settings_file(stack).read_text())["config"]
    assert int(config["nuggetwise:port"]) == stack.port
    dev = yaml.safe_load((stack.project / "Pulumi.dev.yaml").read_text())["config"]
    assert {**dev, "nuggetwise:port": config["nuggetwise:port"]} == config
