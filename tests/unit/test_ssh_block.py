"""scripts/lib/ssh-block.sh: one block in ~/.ssh/config comes and goes, the rest stays byte for byte."""

import subprocess
from pathlib import Path

import paramiko
import pytest

from tests.checkout import ROOT

MINE = b"# mine, and no newline at the end\nHost web*\n\tUser me\nHost *\n  User other"


def run(home: Path, command: str) -> int:
    script = f"record() {{ :; }}; . scripts/lib/ssh-block.sh; {command}"
    return subprocess.run(
        ["sh", "-euc", script], cwd=ROOT, env={"HOME": str(home), "PATH": "/usr/bin:/bin"}, check=False
    ).returncode


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_bytes(MINE + b"\n")
    return tmp_path / ".ssh" / "config"


def test_block_is_found_before_the_users_own_lines(tmp_path: Path, config: Path) -> None:
    assert run(tmp_path, "add_ssh_block demo 10.0.0.9 '/var/lab home'") == 0
    known = paramiko.SSHConfig.from_path(str(config)).lookup("demo")
    assert (known["hostname"], known["user"]) == ("10.0.0.9", "deployer")
    assert list(known["identityfile"]) == ["/var/lab home/id_ed25519"]


def test_added_twice_it_is_there_once_and_removed_it_leaves_the_file_as_it_was(tmp_path: Path, config: Path) -> None:
    run(tmp_path, "add_ssh_block demo 10.0.0.9 /lab; add_ssh_block demo 10.0.0.10 /lab")
    assert config.read_text().count("Host demo") == 1
    assert "10.0.0.10" in config.read_text()
    run(tmp_path, "remove_ssh_block demo")
    assert config.read_bytes() == MINE + b"\n"


def test_file_that_was_not_there_is_gone_again(tmp_path: Path) -> None:
    run(tmp_path, "add_ssh_block demo 10.0.0.9 /lab")
    created = tmp_path / ".ssh" / "config"
    assert created.stat().st_mode & 0o777 == 0o600
    run(tmp_path, "remove_ssh_block demo")
    assert not created.exists()


def test_link_into_dotfiles_stays_a_link(tmp_path: Path, config: Path) -> None:
    real = config.rename(tmp_path / "dotfile")
    config.symlink_to(real)
    run(tmp_path, "add_ssh_block demo 10.0.0.9 /lab")
    assert config.is_symlink()
    assert "Host demo" in real.read_text()


@pytest.mark.parametrize(
    ("text", "defined"), [("Host demo\n", True), ("host a demo b\n", True), ("Host demo2\n", False)]
)
def test_users_own_host_of_that_name_is_seen(tmp_path: Path, config: Path, text: str, defined: bool) -> None:
    config.write_text(text)
    run(tmp_path, "add_ssh_block other 10.0.0.9 /lab")
    assert (run(tmp_path, "defines_host demo") == 0) == defined
