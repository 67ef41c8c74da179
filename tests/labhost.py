"""A host of the lab as the tests see it: its address, its shell, and a way back to nothing deployed."""

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

LAB = Path(__file__).parent / "lab"

# What a deployment leaves, removed from inside. Images stay when the test wants them cached.
EMPTY = """
set -eu
systemctl stop 'community-*' 2>/dev/null || true
docker ps -aq | xargs -r docker rm -fv >/dev/null
docker volume ls -q | xargs -r docker volume rm -f >/dev/null
docker network prune -f >/dev/null
rm -rf /opt/community-tracker /var/log/community-tracker /opt/guestbook /var/log/guestbook
"""


@dataclass(frozen=True)
class LabHost:
    """A running host; `home` is a HOME whose .ssh/config knows it by its name."""

    name: str
    address: str
    home: Path

    @classmethod
    def at(cls, name: str, home: Path) -> "LabHost":
        """The lab host `name`, which is up, with the lab's ssh_config copied into `home`."""
        address = _output(LAB / "host", "address", name).strip()
        config = Path(_output(LAB / "host", "config").strip())
        ssh = home / ".ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(config, ssh / "config")
        shutil.copy(config.parent / "known_hosts", ssh / "known_hosts")
        return cls(name, address, home)

    @property
    def ssh_config(self) -> Path:
        return self.home / ".ssh" / "config"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def run(self, *command: str, stdin: str | bytes = b"", check: bool = True) -> str:
        """Run a command as root over SSH and return what it printed; one argument is a line for the shell."""
        line = command[0] if len(command) == 1 else shlex.join(command)
        done = subprocess.run(
            [*self._ssh(), f"{self.name}-root", line],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=300,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"{self.name}: {line}: exit code {done.returncode}\n{done.stdout.decode()}{done.stderr.decode()}"
            )
        return done.stdout.decode()

    def start(self, line: str) -> "subprocess.Popen[str]":
        """Start a command as root over SSH; the caller reads its output and ends it."""
        return subprocess.Popen(
            [*self._ssh(), f"{self.name}-root", line], stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL
        )

    def containers(self, *filters: str) -> dict[str, str]:
        """Ids of the application's running containers by `<slot>/<service>`."""
        template = '{{.Label "slot"}}/{{.Label "service"}} {{.ID}}'
        options = [part for each in ("label=app", *filters) for part in ("--filter", each)]
        listing = self.run("docker", "ps", "--no-trunc", *options, "--format", template)
        return dict(line.split() for line in listing.splitlines())

    def service(self, name: str) -> str:
        """Id of the running container of a service in the active slot, or of the platform."""
        slot = self.run("sed -n 's/^slot=//p' /opt/community-tracker/active").strip()
        found = self.containers()
        return found.get(f"{slot}/{name}") or found[f"platform/{name}"]

    def psql(self, query: str) -> str:
        """Ask the deployed database; rows as lines, columns separated by |."""
        container = self.service("database")
        return self.run(
            "docker", "exec", "-i", container, "psql", "-XAt", "-d", "community_tracker", "-f", "-", stdin=query
        )

    def clean(self, *, images: bool = False) -> None:
        """Remove what deployments left; the images too when asked."""
        self.run("sh -s", stdin=EMPTY + ("docker system prune -af >/dev/null\n" if images else ""))

    def reset(self) -> None:
        """As new: an empty disk, the same address and host key."""
        subprocess.run([LAB / "host", "reset", self.name], check=True)

    def _ssh(self) -> list[str]:
        master = self.home / "ssh-master"
        return ["ssh", "-F", str(self.ssh_config), "-o", "BatchMode=yes", "-o", "ControlMaster=auto",
                "-o", f"ControlPath={master}", "-o", "ControlPersist=30"]  # fmt: skip


def _output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
