"""Where secrets are during and after a deployment, on both machines: nowhere but where they have to be."""

import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost
from tests.live.sampling import Sampler
from tests.properties.release import quoted

HERE = "/opt/community-tracker"
HOSTILE = "$(touch /tmp/ran) ${HOME} '\"\\ #\n\t`id`\r\né🙂 "
USER = 1001

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Planted:
    """Five secrets: two in the environment, one a file, one a command's, and one both."""

    plain: str
    hostile: str
    file: str
    command: str
    both: str

    @classmethod
    def fresh(cls) -> "Planted":
        return cls(*(secrets.token_hex(16) for _ in range(5)))

    @property
    def words(self) -> tuple[str, ...]:
        return (self.plain, self.hostile, self.file, self.command, self.both)

    def write(self, checkout: Checkout, store: Path) -> None:
        """Write .env, and the password manager's store beside the checkout."""
        for name in ("command", "both"):
            (store / name).write_text(f"{getattr(self, name)}\n")
            (store / name).chmod(0o600)
        checkout.write_env(
            PLAIN=self.plain,
            HOSTILE=quoted(HOSTILE + self.hostile),
            KEY_FILE_CONTENT=quoted(HOSTILE + self.file),
            BY_COMMAND=f"cat {store}/command",
            BOTH=f"echo asked >>{store}/asked; cat {store}/both",
            APP_FILES="KEY_FILE_CONTENT,BOTH",
            APP_COMMANDS="BY_COMMAND,BOTH",
            DRAIN_SECONDS="0",
        )
        (checkout.path / ".env").chmod(0o600)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def finding(host: LabHost, words: tuple[str, ...], *places: str) -> set[str]:
    """Which files of the host have one of the words, but for the engine's own of what runs; the words are on stdin."""
    line = f"grep -rlaF -s --exclude-dir=io.containerd.runtime.v2.task -f - {' '.join(places)} || true"
    return set(host.run(line, stdin="\n".join(words) + "\n").splitlines())


def in_backend(host: LabHost, *words: str) -> bytes:
    """What a program in the serving backend prints, as it is."""
    return host.run("docker", "exec", host.service("backend"), *words).encode()


def test_secrets_are_seen_nowhere_on_their_way(lab_host: LabHost, checkout: Checkout, store: Path) -> None:
    """A deployment with five secrets: every process of both machines is sampled, and every file searched afterwards.

    Turned red by: `record "$(cat "$(release_path "$1")/app.env.json")"` in slot_up (scripts/host/slot.sh).
    """
    planted = Planted.fresh()
    planted.write(checkout, store)
    control = secrets.token_hex(16)
    with Sampler([*planted.words, control]) as sampler:
        subprocess.run(["sh", "-c", f"sleep 0.5 # {control}"], check=True)
        done = checkout.fab("deploy", "--verbose")
    print(f"{sampler.looks} looks at {len(sampler.programs)} programs")
    assert {(where, word) for where, word, _, _ in sampler.seen if word == control} == {("cmdline", control)}
    assert {"docker", "sshd-session", "runc"} & sampler.programs
    found = {each for each in sampler.seen if each[1] != control}
    assert {where for where, _, _, _ in found} <= {"environ"}, found
    assert {user for _, _, user, _ in found} <= {USER}, "the backend's own environment, and nobody else's"
    assert {word for _, word, _, _ in found} == {planted.plain, planted.hostile, planted.command}
    assert sampler.looks > 20
    assert (store / "asked").read_text() == "asked\n", "a command is run once"
    for word in planted.words:
        assert word not in done.stdout + done.stderr
    _searched(lab_host, checkout, planted)


def _searched(host: LabHost, checkout: Checkout, planted: Planted) -> None:
    release = host.run(f"sed -n 's/^release=//p' {HERE}/active").strip()
    private = {f"{HERE}/releases/{release}/{name}" for name in ("app.env.json", "app.files.tar")}
    everywhere = (HERE, "/var/log", "/tmp", "/var/tmp", "/home", "/root", "/run", "/etc")
    assert finding(host, planted.words, *everywhere) == private
    assert host.run("stat", "-c", "%a", *sorted(private)).split() == ["600", "600"]
    assert finding(host, (planted.file, planted.both), HERE) == {f"{HERE}/releases/{release}/app.files.tar"}
    control = secrets.token_hex(16)
    host.run(f"systemd-cat echo {control} && journalctl --sync")
    said = host.run(
        "journalctl --no-pager -o cat; cat /var/lib/docker/containers/*/*-json.log; docker events --since 9m --until 0s"
    )
    shown = host.run(
        "docker inspect $(docker ps -aq) $(docker volume ls -q) $(docker network ls -q) $(docker images -q)"
    )
    for sign in (control, '"log":', "container start"):
        assert sign in said, "journal, logs and events were read"
    assert planted.plain in shown, "what is in an environment is seen here"
    assert not [word for word in planted.words if word in said]
    assert not [word for word in (planted.file, planted.both) if word in shown]
    mine = [path for path in checkout.path.rglob("*") if path.is_file() and not path.is_symlink()]
    mine += [path for path in checkout.host.home.rglob("*") if path.is_file()]
    having = {path for path in mine if any(word.encode() in path.read_bytes() for word in planted.words)}
    assert having == {checkout.path / ".env"}


def test_each_arrives_as_it_was_written_and_nothing_was_run(lab_host: LabHost, checkout: Checkout, store: Path) -> None:
    """What the backend has is what was planted, byte for byte, for its user alone; and neither machine ran it."""
    environment = dict(
        line.partition(b"=")[::2] for line in in_backend(lab_host, "cat", "/proc/1/environ").split(b"\0")
    )
    assert environment[b"KEY_FILE_CONTENT_FILE"] == b"/run/secrets/KEY_FILE_CONTENT"
    assert environment[b"BOTH_FILE"] == b"/run/secrets/BOTH"
    assert not {b"KEY_FILE_CONTENT", b"BOTH"} & environment.keys()
    assert environment[b"BY_COMMAND"] == (store / "command").read_bytes().removesuffix(b"\n")
    assert environment[b"HOSTILE"].startswith(HOSTILE.encode())
    assert in_backend(lab_host, "cat", "/run/secrets/KEY_FILE_CONTENT").startswith(HOSTILE.encode())
    assert in_backend(lab_host, "cat", "/run/secrets/BOTH") == (store / "both").read_bytes().removesuffix(b"\n")
    look = in_backend(
        lab_host, "sh", "-c", "cd /run/secrets && stat -c '%n %a %u %F' . *; touch x 2>/dev/null || echo closed"
    )
    assert look.decode().splitlines() == [
        ". 700 1001 directory", "BOTH 400 1001 regular file", "KEY_FILE_CONTENT 400 1001 regular file", "closed",
    ]  # fmt: skip
    assert not Path("/tmp/ran").exists()
    assert lab_host.run("test ! -e /tmp/ran && echo none") == "none\n"


def test_a_laptop_s_own_variables_change_nothing(lab_host: LabHost, checkout: Checkout) -> None:
    """Turned red by: `key = name` for `key = name.removeprefix("DEPLOY_")` in _environment (settings/reading.py)."""
    before = lab_host.containers()
    done = checkout.fab("deploy", NODE_ENV="development", HTTP_PORT="8080", POSTGRES_DB="other", PLAIN="x", RELEASE="y")
    assert "already so" in done.stdout
    assert lab_host.containers() == before


def test_an_account_with_the_backend_s_number_is_named(lab_host: LabHost, checkout: Checkout) -> None:
    """It could read all, another account nothing: a host that serves is warned of it, a first deployment refused.

    Turned red by: `doctor` and `deploy` of before, which said `ready to deploy` and sent the secrets.
    """
    process = lab_host.run("docker", "inspect", "-f", "{{.State.Pid}}", lab_host.service("backend")).strip()
    files = (f"/proc/{process}/environ", f"/proc/{process}/root/run/secrets/BOTH")

    def read_by(user: str) -> list[str]:
        lines = [f"cat {file} >/dev/null 2>&1 && echo read || echo denied" for file in files]
        return lab_host.run("su", user, "-s", "/bin/sh", "-c", "; ".join(lines)).split()

    assert read_by("plain") == ["denied", "denied"]
    lab_host.run(f"useradd -u {USER} -U -M -s /bin/sh ann")
    try:
        assert read_by("ann") == ["read", "read"], "why it must not be"
        found = checkout.fab("doctor", check=False)
        assert found.returncode == 1
        assert "is the number of the account ann: it could read" in found.stdout
        assert "usermod -u 2001 ann" in found.stdout
        again = checkout.fab("deploy")
        assert "already so" in again.stdout
        assert "is the number of the account ann" in again.stderr
        first = checkout.fab("deploy", "--set", "APP_NAME=second", "--set", "HTTP_PORT=8099", check=False)
        assert (first.returncode, "API_USER_UID=2001" in first.stderr) == (1, True)
        assert lab_host.run("test ! -e /opt/second && echo none") == "none\n"
    finally:
        lab_host.run("userdel ann")


def test_files_go_with_their_release_and_come_back_with_it(lab_host: LabHost, checkout: Checkout, store: Path) -> None:
    """A changed value is deployed, the engine starts anew, a rollback has the old one, and nothing is left over.

    Turned red by: no secrets_remove in slot_remove (scripts/host/slot.sh).
    """
    old = in_backend(lab_host, "cat", "/run/secrets/BOTH")
    Planted.fresh().write(checkout, store)
    assert "BOTH" in checkout.fab("plan").stdout
    checkout.fab("deploy")
    new = in_backend(lab_host, "cat", "/run/secrets/BOTH")
    assert new == (store / "both").read_bytes().removesuffix(b"\n") != old
    volumes = "docker volume ls -q --filter label=service=secrets"
    (volume,) = lab_host.run(volumes).splitlines()
    lab_host.run("systemctl restart docker")
    lab_host.run(f"until docker exec {lab_host.service('backend')} true 2>/dev/null; do sleep 0.2; done")
    assert in_backend(lab_host, "cat", "/run/secrets/BOTH") == new
    checkout.fab("rollback")
    assert in_backend(lab_host, "cat", "/run/secrets/BOTH") == old
    (other,) = lab_host.run(volumes).splitlines()
    assert {volume, other} == {"community-tracker_secrets_blue", "community-tracker_secrets_green"}
    checkout.fab("down")
    assert lab_host.run(volumes) == ""
