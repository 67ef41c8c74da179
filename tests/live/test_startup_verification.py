"""Success is said only when it is true: every container healthy, and the published port answering with the new release.

Everyday: each kind of example once; with --full: 100 drawn at random. Nothing is built for an example: settings alone
make a release good, or let its backend crash, hang or run out of memory; or a part of the running stack is taken away.
"""

import http.client
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost

pytestmark = pytest.mark.timeout(7200)

QUICK = {"HEALTH_TIMEOUT": "20", "DRAIN_SECONDS": "1", "KEEP_RELEASES": "3"}


@dataclass(frozen=True)
class Example:
    """A deployment: settings that differ, a part that is taken away before, and whether it can succeed at all."""

    kind: str
    settings: Callable[[int], dict[str, str]] = lambda _number: {}
    before: str = "true"
    hopeless: bool = False


def service(name: str) -> str:
    return f"$(docker ps -q --filter label=app --filter label=service={name} | head -n 1)"


EXAMPLES = (
    Example("good", lambda number: {"EDITION": str(number)}),
    Example("unchanged"),
    Example("crash", lambda number: {"EDITION": str(number), "NODE_OPTIONS": "--require /nonexistent"}, hopeless=True),
    Example("hang", lambda number: {"EDITION": str(number), "NODE_OPTIONS": "--inspect-brk"}, hopeless=True),
    Example(
        "out of memory",
        lambda number: {"EDITION": str(number), "NODE_OPTIONS": "--max-old-space-size=1"},
        hopeless=True,
    ),
    Example("edge frozen", lambda number: {"EDITION": str(number)}, f"docker pause {service('edge')}"),
    Example("database stopped", lambda number: {"EDITION": str(number)}, f"docker stop -t 5 {service('database')}"),
    Example("edge gone", before=f"docker rm -f {service('edge')}"),
    Example("backend frozen", before=f"docker pause {service('backend')}"),
    Example("frontend stopped", before=f"docker stop {service('frontend')}"),
)
MEND = """
docker ps -q --filter status=paused | xargs -r docker unpause
docker ps -aq --filter label=app | xargs -r docker start
"""


def ask(host: LabHost, path: str) -> tuple[int, str | None]:
    """The published port's answer and the release that gave it; 0 when there is none."""
    connection = http.client.HTTPConnection(host.address, 80, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
    except OSError:
        return 0, None
    finally:
        connection.close()
    return answer.status, answer.headers.get("X-Release")


def containers(host: LabHost) -> dict[str, dict[str, Any]]:
    """State of what serves, by service: the platform, and the slot that the link names."""
    slot = host.run("readlink /opt/community-tracker/slots/active").strip()
    inspected = json.loads(host.run("docker ps -aq --filter label=app | xargs docker inspect"))
    serving = [each for each in inspected if each["Config"]["Labels"].get("slot") in ("platform", slot)]
    return {each["Config"]["Labels"]["service"]: each["State"] for each in serving}


def settled(host: LabHost) -> dict[str, dict[str, Any]]:
    """The same once the engine's own checks have run: the activation asks by itself, sooner than they do."""
    for _ in range(60):
        states = containers(host)
        if not any(state.get("Health", {}).get("Status") == "starting" for state in states.values()):
            break
        time.sleep(0.5)
    return states


def untruths(host: LabHost, release: str) -> list[str]:
    """What contradicts 'deployed, and healthy', seen from outside."""
    answers = {path: ask(host, path) for path in ("/", "/health", "/api/activities")}
    states = settled(host)
    wrong = [f"{name} is not there" for name in ("edge", "database", "frontend", "backend") if name not in states]
    for name, state in states.items():
        if state["Status"] != "running" or state.get("Health", {}).get("Status") != "healthy":
            wrong.append(f"{name} is {state['Status']}, {state.get('Health', {}).get('Status')}")
    return wrong + [f"{path} answers {answer}" for path, answer in answers.items() if answer != (200, release)]


def run(example: Example, number: int, checkout: Checkout, host: LabHost) -> list[str]:
    """Deploy the example; what was said wrongly."""
    served = host.run("cat /opt/community-tracker/active")
    host.run(example.before)
    checkout.write_env(**QUICK, **example.settings(number))
    done = checkout.fab("deploy", check=False)
    release = dict(line.split("=", 1) for line in host.run("cat /opt/community-tracker/active").splitlines())["release"]
    what = f"{number} {example.kind}: exit code {done.returncode}"
    print(what)
    if done.returncode == 0:
        wrong = [f"{what}: {fault}" for fault in untruths(host, release)]
        wrong += [f"{what}: cannot have succeeded"] if example.hopeless else []
    else:
        wrong = [f"{what}: {done.stdout}{done.stderr}"] if done.returncode != 1 or " serves at " in done.stdout else []
        wrong += (
            [f"{what}: another release is active"] if served != host.run("cat /opt/community-tracker/active") else []
        )
    if wrong or done.returncode:
        host.run(MEND)
        checkout.write_env(**QUICK)
    return wrong


# Feature: production-deployment-system, Property 23: Startup verification
def test_success_is_said_only_when_everything_answers(
    deployed: LabHost, checkout: Checkout, full: bool, record_property: Callable[[str, object], None]
) -> None:
    chosen = random.Random(23)
    examples = chosen.choices(EXAMPLES, k=100) if full else list(EXAMPLES)
    print("" if full else f"{len(examples)} examples, each kind once; scripts/properties --full runs 100")
    wrong = [fault for number, example in enumerate(examples) for fault in run(example, number, checkout, deployed)]
    record_property("examples", len(examples))
    assert wrong == []
