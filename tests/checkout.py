"""A clean clone of the working tree, and `fab` in it as a user would run it."""

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.labhost import LAB, LabHost

ROOT = Path(__file__).parent.parent
PYTHON_ENVIRONMENT = ROOT / ".venv"
FRONTEND_SCRIPT = Path("examples/community-tracker/web-frontend/src/main.jsx")
GUESTBOOK_SCRIPT = Path("tests/apps/guestbook/web-frontend/src/main.js")
GUESTBOOK_SETTINGS = Path("tests/apps/guestbook/deploy.env")


def copy_checkout(place: Path) -> Path:
    """Copy what `fab` needs of the working tree, without git, settings or what was built."""
    place.mkdir(parents=True, exist_ok=True)
    leave = shutil.ignore_patterns("node_modules", "__pycache__", "dist", ".deploy")
    for name in ("tasks", "scripts", "compose", "containers", "examples"):
        shutil.copytree(ROOT / name, place / name, ignore=leave)
    shutil.copy(ROOT / "fabfile.py", place)
    return place


@dataclass(frozen=True)
class Checkout:
    """A repository of its own; what is committed here is committed nowhere else."""

    path: Path
    host: LabHost

    @classmethod
    def clone(cls, path: Path, host: LabHost) -> "Checkout":
        """Copy what git tracks or would track in the working tree, and commit it: as clean as a clone."""
        path.mkdir(parents=True)
        listing = _git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for name in filter(None, listing.split("\0")):
            source, target = ROOT / name, path / name
            if source.is_file() or source.is_symlink():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
        _git(path, "init", "-q", "-b", "main")
        clone = cls(path, host)
        clone.commit("The working tree")
        return clone

    @classmethod
    def copy_of(cls, other: "Checkout", path: Path) -> "Checkout":
        """Clone a checkout as a colleague would, with its settings and without what it has built."""
        _git(other.path, "clone", "-q", str(other.path), str(path))
        shutil.copy(other.path / ".env", path / ".env")
        return cls(path, other.host)

    def commit(self, subject: str) -> None:
        _git(self.path, "add", "-A")
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
        _git(self.path, *identity, "commit", "-q", "--allow-empty", "-m", subject)

    def write_env(self, **settings: str) -> None:
        """Write .env: the lab's base images, and the settings given."""
        lines = subprocess.run([LAB / "settings"], check=True, stdout=subprocess.PIPE, text=True).stdout
        lines += "".join(f"{key}={value}\n" for key, value in settings.items())
        (self.path / ".env").write_text(lines)

    def write_guestbook_env(self, **settings: str) -> None:
        """Write the .env of tests/apps/guestbook, in the place of the sample application's."""
        self.write_env(**settings)
        with (self.path / ".env").open("a") as file:
            file.write((self.path / GUESTBOOK_SETTINGS).read_text())
        (self.path / ".env").chmod(0o600)

    def edit(self, name: str | Path, old: str, new: str) -> None:
        """Change one place in a file; `old` must be there."""
        file = self.path / name
        text = file.read_text()
        assert old in text, f"{name} has no {old!r}"
        file.write_text(text.replace(old, new, 1))

    def change_page(self, edition: str, script: Path = FRONTEND_SCRIPT) -> None:
        """Change one line of the frontend; the page shows it as <html data-edition>, and its script gets a new name.

        No two calls make the same change: an image built before, by any run, would be used again.
        """
        edition = f"{edition} {secrets.token_hex(4)}"
        file = self.path / script
        kept = [line for line in file.read_text().splitlines() if "dataset.edition" not in line]
        file.write_text("\n".join([*kept, f"document.documentElement.dataset.edition = '{edition}'", ""]))

    def fab(
        self, *arguments: str, host: str | None = "", check: bool = True, timeout: float = 900, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `fab -H test …` here, output captured; host=None leaves -H out, `check` fails with all of it."""
        self._recall_scans()
        target = [] if host is None else ["-H", host or self.host.name]
        command = [str(PYTHON_ENVIRONMENT / "bin" / "fab"), *target, *arguments]
        done = subprocess.run(command, cwd=self.path, env=self.environment() | environ, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, check=False)  # fmt: skip
        if self._scans.exists():
            shutil.copy(self._scans, self._known_scans)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    @property
    def _scans(self) -> Path:
        return self.path / ".deploy" / "scanned-images.json"

    @property
    def _known_scans(self) -> Path:
        return self.host.home / "scanned-images.json"

    def _recall_scans(self) -> None:
        """Know which images other checkouts have looked through: most have the same four, of a gigabyte."""
        if self._known_scans.exists() and not self._scans.exists():
            self._scans.parent.mkdir(exist_ok=True)
            shutil.copy(self._known_scans, self._scans)

    def environment(self) -> dict[str, str]:
        """The user's environment with the lab's HOME, and no settings of the user's own."""
        mine = {
            key: value for key, value in os.environ.items() if not key.startswith("DEPLOY_") and key != "SSH_AUTH_SOCK"
        }
        docker = os.environ.get("DOCKER_CONFIG", str(Path.home() / ".docker"))
        return mine | {"HOME": str(self.host.home), "DOCKER_CONFIG": docker}


def _git(where: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=where, check=True, stdout=subprocess.PIPE, text=True).stdout
