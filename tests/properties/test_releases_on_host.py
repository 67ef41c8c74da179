"""Releases on a host: whole before anything starts, named by tags, and never on a database that was lost."""

import json
import random
import string
import subprocess
import threading
from collections.abc import Iterator

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost
from tests.properties.conftest import Examples
from tests.properties.release import quoted, seeded

HERE = "/opt/community-tracker"
FILES = {
    "docker-compose.yml", "platform.yml", ".env", "app.env.json", "release.json", "release.facts", "bin/host.sh",
    "SHA256SUMS",
}  # fmt: skip
SERVICES = ("frontend", "backend", "database", "edge")
DATA = "/var/lib/docker/volumes/community-tracker_data/_data"

# Nothing in a release changed since its first container was made? Then that is what it had: ctimes, in ns.
LOOK = f"""set -e
cd {HERE}/releases/NAME
sha256sum -c SHA256SUMS >/dev/null
find . -printf '%C@ %y %P\\n'"""

# A damage to a copy of the release; the host's own script, from the copy that is whole, is told to activate it.
DAMAGE = f"""cd {HERE}
rm -rf releases/NAME && cp -a /root/whole releases/NAME && cd releases/NAME
LINE
sh /root/whole/bin/host.sh activate NAME 2>&1 && echo ACTIVATED || true"""

pytestmark = pytest.mark.timeout(3600)


class Created:
    """Follows the host's engine: when was the first container of each release made?"""

    def __init__(self, host: LabHost) -> None:
        line = "docker events --filter type=container --filter event=create --format '{{json .}}'"
        self.first: dict[str, int] = {}
        self.count = 0
        self._seen = threading.Condition()
        self._process = host.start(f"echo started; exec {line}")
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "started\n"
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for text in self._process.stdout or ():
            event = json.loads(text)
            release = event["Actor"]["Attributes"].get("release", "")
            with self._seen:
                self.count += release != ""  # the one-shot that asks the published port is of none
                self.first.setdefault(release, event["timeNano"])
                self._seen.notify_all()

    def when(self, release: str) -> int:
        """Give the time of the first, in ns."""
        with self._seen:
            assert self._seen.wait_for(lambda: release in self.first, 20), f"no container of {release} was made"
            return self.first[release]

    def close(self) -> None:
        with self._process:  # waits, and closes its output
            self._process.kill()
            self._reader.join(20)


@pytest.fixture
def created(deployed: LabHost) -> Iterator[Created]:
    following = Created(deployed)
    yield following
    following.close()


def configure(checkout: Checkout, chance: random.Random) -> dict[str, str]:
    """Write a .env with random settings and values; give the application's."""
    letters = string.ascii_letters + " $'\"#\\é🙂\n"
    values = {
        f"VALUE_{number}": "".join(chance.choices(letters, k=chance.randint(0, 2000)))
        for number in range(chance.randint(1, 20))
    }
    settings = {"BACKEND_MEMORY": f"{chance.randint(300, 999)}m", "HEALTH_RETRIES": str(chance.randint(5, 20))}
    checkout.write_env(DRAIN_SECONDS="0", **settings, **{key: quoted(value) for key, value in values.items()})
    return values


def pushed(checkout: Checkout, *tasks: str) -> str:
    """Run push-config, and others after it; give the release's name."""
    done = checkout.fab("push-config", *tasks)
    found = (done.stdout + done.stderr).split(": pushed ")
    assert len(found) == 2, done.stdout + done.stderr
    return found[1].split()[0]


def test_a_release_is_complete_before_anything_of_it_starts(
    deployed: LabHost, checkout: Checkout, created: Created, examples: Examples, full: bool
) -> None:
    """Random configurations, pushed and brought up: at the first container every file is there, as it stays.

    Everyday: 3 configurations; with --full 100.

    Feature: production-deployment-system, Property 22x: Configuration completeness

    Turned red by: a line `touch "$(release_path "$1")/.env"` at the end of slot_up in scripts/host/slot.sh.
    """
    chance = seeded()
    for _ in range(100 if full else 3):
        values = configure(checkout, chance)
        name = pushed(checkout, "up")
        lines = [line.split(" ", 2) for line in deployed.run(LOOK.replace("NAME", name)).splitlines()]
        assert {path for _, kind, path in lines if kind == "f"} == FILES
        first = created.when(name)
        late = [path for changed, _, path in lines if int(changed.replace(".", "")[:19]) >= first]
        assert late == [], f"changed after the first container of {name} was made"
        stored = json.loads(deployed.run(f"cat {HERE}/releases/{name}/app.env.json"))
        environment = stored["services"]["backend"]["environment"]
        assert {key: value.replace("$$", "$") for key, value in environment.items()} == values
        examples()


def test_an_incomplete_release_starts_nothing(
    deployed: LabHost, checkout: Checkout, created: Created, examples: Examples, full: bool
) -> None:
    """Any file gone, cut, changed or longer: refused, and no container of a release is made.

    Everyday: 12 damages; with --full 100.

    Feature: production-deployment-system, Property 22x: Configuration completeness

    Turned red by: `sha256sum -c` alone in the place of is_whole in activation_check (scripts/host/activate.sh).
    """
    chance = seeded()
    configure(checkout, chance)
    name = pushed(checkout)
    deployed.run(f"rm -rf /root/whole && cp -a {HERE}/releases/{name} /root/whole")
    before, serving = created.count, deployed.containers()
    for _ in range(100 if full else 12):
        file = chance.choice(sorted(FILES))
        longer = f"echo {'0' * 64}  more" if file == "SHA256SUMS" else "echo"
        line = chance.choice(
            (
                f"rm {file}",
                f"truncate -s -{chance.randint(1, 40)} {file}",
                f"printf x | dd of={file} bs=1 seek={chance.randint(3, 40)} conv=notrunc status=none",
                f"{longer} >>{file}",
            )
        )
        said = deployed.run(DAMAGE.replace("NAME", name).replace("LINE", line))
        assert "ACTIVATED" not in said, line
        if file not in ("bin/host.sh", "release.facts"):  # without these two there is nobody who could say it
            assert "is incomplete or was edited" in said, f"{line}\n{said}"
        examples()
    assert (created.count, deployed.containers()) == (before, serving)
    deployed.run(f"rm -rf {HERE}/releases/{name} && cp -a /root/whole {HERE}/releases/{name}")


def test_every_release_on_the_host_has_its_tags(
    deployed: LabHost, checkout: Checkout, examples: Examples, full: bool
) -> None:
    """Releases deployed and pushed, and a hundred made-up names through the host's own `tag`: each names its images.

    Everyday: 30 made-up names; with --full 100.

    Feature: production-deployment-system, Property 29: Version tagging

    Turned red by: no tag_images in push_config (tasks/releases.py).
    """
    chance = seeded()
    configure(checkout, chance)
    name = pushed(checkout)
    releases = deployed.run(f"ls {HERE}/releases").split()
    assert name in {release for release in releases if not release.endswith(".state")}
    for release in (release for release in releases if not release.endswith(".state")):
        facts = deployed.run(f"cat {HERE}/releases/{release}/release.facts").splitlines()
        images = dict(line.removeprefix("image.").split("=", 1) for line in facts if line.startswith("image."))
        assert set(images) == set(SERVICES)
        for service, content in images.items():
            same = identities(deployed, content, f"community-tracker/{service}:{release}")
            assert len(set(same)) == 1, f"{service} of {release}"
            examples()
    made_up(deployed, chance, name, 100 if full else 30)
    examples(100 if full else 30)


def identities(host: LabHost, *names: str) -> list[str]:
    return host.run("docker", "image", "inspect", "--format", "{{.Id}}", *names).split()


def made_up(host: LabHost, chance: random.Random, release: str, number: int) -> None:
    """Give images of a release other names as ship-images does, see that they have them, and take them away again."""
    facts = dict(line.split("=", 1) for line in host.run(f"cat {HERE}/releases/{release}/release.facts").splitlines())
    letters, rest = string.ascii_letters + string.digits, string.ascii_letters + string.digits + "._-"
    lines, names = [], {}
    for place in range(number):
        service = SERVICES[place % 4]
        content, layers = facts[f"image.{service}"], facts[f"layers.{service}"]
        word = chance.choice(letters) + "".join(chance.choices(rest, k=chance.randint(0, 60))) + f"-{place}"
        names[f"community-tracker/{service}:{word}"] = content
        lines.append(f"{service} {content} community-tracker/{service}:{word} - {layers}")
    script = f"{HERE}/releases/{release}/bin/host.sh"
    said = host.run(f"IMAGES=$(cat) && export IMAGES && sh {script} tag </dev/null", stdin="\n".join(lines))
    assert said.count("verified=") == number
    assert identities(host, *names) == identities(host, *names.values())
    host.run("docker", "rmi", *names)


def test_a_lost_data_volume_never_comes_back_empty(deployed: LabHost, checkout: Checkout, examples: Examples) -> None:
    """Gone, or there again without the data: `deploy` names it and makes nothing; with the data back, all is as before.

    Feature: production-deployment-system, Property 11: Mount verification before start

    Turned red by: `*PG_VERSION* | *)` in database_check (scripts/host/platform.sh).
    """
    checkout.fab("deploy")
    deployed.psql("insert into activities (title) values ('not lost')")
    stop = "docker rm -f $(docker ps -q --filter label=service=database) >/dev/null"
    deployed.run(f"{stop} && rm -rf /root/data && cp -a {DATA} /root/data && docker volume rm community-tracker_data")
    said = refused(checkout)
    assert "the data volume community-tracker_data is missing" in said
    assert "community-tracker_data" not in deployed.run("docker volume ls -q").split()
    examples()
    deployed.run("docker volume create community-tracker_data")
    for content in ("true", f"mkdir {DATA}/lost+found", f"cp -a /root/data/cluster {DATA}/other"):
        deployed.run(content)
        before = deployed.run(f"cd {DATA} && find . | sort")
        said = refused(checkout)
        assert "the data volume community-tracker_data is empty" in said
        assert deployed.run(f"cd {DATA} && find . | sort") == before
        assert "platform/database" not in deployed.containers()
        examples()
    deployed.run(f"rm -rf {DATA} && cp -a /root/data {DATA}")
    checkout.fab("deploy")
    assert "not lost" in deployed.psql("select title from activities")


def refused(checkout: Checkout) -> str:
    done: subprocess.CompletedProcess[str] = checkout.fab("deploy", check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr
