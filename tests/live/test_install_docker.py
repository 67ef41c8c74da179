"""Servers without Docker: from bare to the page by one `deploy`, and what is said where that cannot be."""

import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout import ROOT, Checkout
from tests.labhost import LAB, LabHost

BARE, BOOKWORM, OLD, UBUNTU, SYSTEMD = "install", "install12", "install20", "install-ubuntu", "install-systemd"
PACKAGES = "dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\\n'"
CHANGED = "ls -A /opt /var/log/community-tracker 2>/dev/null; ls /etc/apt/sources.list.d /etc/apt/keyrings; id deployer"

# Holds the lock that apt-get and dpkg take, for some seconds (struct flock of 64-bit Linux); perl is on every Debian.
HOLD = """perl -MFcntl -e 'open my $f, ">", "/var/lib/dpkg/lock-frontend" or die;
my $lock = pack("s s x4 q q l x4", F_WRLCK, 0, 0, 0, 0);
fcntl($f, F_SETLK, $lock) or die "not locked: $!"; sleep SECONDS'"""

# A package with a file that docker.io has too: dpkg unpacks what comes before, then refuses.
STRANGER = """set -e
mkdir -p /tmp/stranger/DEBIAN /tmp/stranger/usr/sbin
cd /tmp/stranger
printf 'Package: stranger\\nVersion: 1\\nArchitecture: all\\nMaintainer: test\\nDescription: test\\n' >DEBIAN/control
touch /tmp/stranger/usr/sbin/docker-proxy
dpkg-deb -b /tmp/stranger /tmp/stranger.deb && dpkg -i /tmp/stranger.deb
apt-get update -q"""

pytestmark = pytest.mark.timeout(900)


def lab_up(name: str, kind: str, home: Path) -> LabHost:
    subprocess.run([LAB / "host", "up", name, kind], check=True)
    subprocess.run([LAB / "host", "reset", name], check=True)
    return LabHost.at(name, home)


def page(host: LabHost) -> tuple[int, str | None]:
    """Status and release of the page; 0 when nothing listens."""
    connection = http.client.HTTPConnection(host.address, timeout=10)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.status, answer.getheader("X-Release")
    except OSError:
        return 0, None
    finally:
        connection.close()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHost]:
    """A Debian server with sshd and little else."""
    yield lab_up(BARE, "bare-debian", tmp_path_factory.mktemp("home"))
    subprocess.run([LAB / "host", "down", BARE], check=True)


@pytest.fixture(scope="module")
def there(bare: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clean clone of the working tree, with a .env for that server and the images built."""
    clone = Checkout.clone(tmp_path_factory.mktemp("checkout") / "community-deploy", bare)
    clone.write_env()
    clone.fab("build", host=None)
    return clone


def test_an_archive_that_cannot_be_reached(bare: LabHost, there: Checkout) -> None:
    bare.run(
        "cp /etc/apt/sources.list /root/ && echo 'deb http://nowhere.invalid/debian trixie main' >/etc/apt/sources.list"
    )
    before = bare.run(PACKAGES)
    for task in ("install-docker", "deploy"):
        done = there.fab(task, check=False)
        assert done.returncode == 1
        assert "apt-get install -y docker.io docker-cli iptables ca-certificates docker-compose" in done.stderr
        assert "ended with exit code 100" in done.stderr
        assert "Could not resolve 'nowhere.invalid'" in done.stderr
        assert "Unable to locate package docker.io" in done.stderr
        assert "by hand on the host, as root: apt-get update && apt-get install -y docker.io" in done.stderr
        log = done.stderr.split("all of its output is in ")[1].split()[0]
        assert "nowhere.invalid" in bare.run("cat", log)
    assert bare.run(PACKAGES) == before
    bare.run("cp /root/sources.list /etc/apt/sources.list")


def test_what_a_failing_dpkg_has_brought_is_removed_again(bare: LabHost, there: Checkout) -> None:
    bare.run(STRANGER)
    before = bare.run(PACKAGES)
    done = there.fab("install-docker", check=False)
    assert done.returncode == 1
    assert "trying to overwrite '/usr/sbin/docker-proxy', which is also in package stranger" in done.stderr
    assert "by hand on the host" in done.stderr
    assert "Unpacking containerd" in bare.run("cat /var/log/community-tracker/*-install-docker.log")
    assert bare.run(PACKAGES) == before
    assert not bare.run("dpkg --audit")


def test_plan_and_doctor_tell_it_and_change_nothing(bare: LabHost, there: Checkout) -> None:
    bare.reset()
    before = bare.run(PACKAGES) + bare.run(CHANGED)
    plan = there.fab("plan")
    assert "docker: will be installed (docker.io 26.1.5 by apt-get)" in plan.stdout
    assert "compose: will be installed (docker-compose 2.26.1 by apt-get)" in plan.stdout
    doctor = there.fab("doctor")
    assert "ok   docker             will be installed (docker.io 26.1.5 by apt-get)" in doctor.stdout
    assert "ready to deploy" in doctor.stdout
    refused = there.fab("install-docker", host=f"{BARE}-plain", check=False)
    assert refused.returncode == 1
    assert "plain may not install it" in refused.stderr
    assert "NOPASSWD" in refused.stderr
    for task in ("ship-images", "up"):  # these do one thing each, and say which is missing
        done = there.fab(task, check=False)
        assert done.returncode == 3
        assert "install-docker" in done.stderr
    bare.run("rm -rf /opt/community-tracker")
    assert bare.run(PACKAGES) + bare.run(CHANGED) == before


def test_a_workstation_that_is_gone_half_way_leaves_nothing_that_the_next_cannot_finish(
    bare: LabHost, there: Checkout
) -> None:
    fab = [str(ROOT / ".venv" / "bin" / "fab"), "-H", BARE, "install-docker"]
    process = subprocess.Popen(fab, cwd=there.path, env=there.environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    bare.run(
        "for _ in $(seq 600); do grep -qs ^Unpacking /var/log/community-tracker/*.log && exit; sleep 0.1; done; exit 1"
    )
    process.kill()
    process.wait()
    done = there.fab("install-docker")
    assert f"{BARE}: " in done.stdout
    assert "Docker 26.1.5" in done.stdout
    assert not bare.run("dpkg --audit")


def test_from_bare_to_the_page(bare: LabHost, there: Checkout) -> None:
    # Feature: production-deployment-system, Property 20: Dependency verification and installation
    bare.reset()
    assert bare.run("command -v docker || true") == ""
    start = time.monotonic()
    done = there.fab("deploy", "--json")
    wall = time.monotonic() - start
    data = json.loads(done.stdout)
    print(f"from bare to the page in {wall:.1f} s: {data['seconds']}; on the host {data['steps']}")
    assert "installing docker.io" in done.stderr
    assert page(bare) == (200, data["release"])
    assert bare.run("docker version --format '{{.Server.Version}}'").startswith("26.1.5")
    assert bare.run("docker compose version --short").startswith("2.26.1")
    log = bare.run("cat /var/log/community-tracker/*-install-docker.log")
    assert "apt-get" in log
    assert "Setting up docker.io" in log
    assert "deployer" not in bare.run("getent group docker"), "nobody joins the group who was not asked for"


def test_again_it_is_already_so(bare: LabHost, there: Checkout) -> None:
    before = bare.run(PACKAGES) + bare.run("docker ps -q --no-trunc")
    for task in ("install-docker", "deploy"):
        done = there.fab(task)
        assert "already so" in done.stdout
    assert bare.run(PACKAGES) + bare.run("docker ps -q --no-trunc") == before


def test_only_what_is_missing_comes_and_another_apt_is_waited_for(bare: LabHost, there: Checkout) -> None:
    bare.run("apt-get purge -y docker-compose")
    running = bare.run("docker ps -q --no-trunc")
    with bare.start(HOLD.replace("SECONDS", "9")) as holder:
        time.sleep(1)
        start = time.monotonic()
        done = there.fab("install-docker")
        assert time.monotonic() - start > 6
    assert holder.returncode == 0
    assert "Could not get lock" in done.stderr, "who waits is told for what"
    assert "installed Docker 26.1.5" in done.stdout
    assert bare.run("docker ps -q --no-trunc") == running


def test_a_dead_engine_is_started_and_a_user_joins_when_asked(bare: LabHost, there: Checkout) -> None:
    bare.run("/usr/local/sbin/lab-start no-engine")
    done = there.fab("install-docker")
    assert "started Docker 26.1.5" in done.stdout
    assert "after a restart of this host" in done.stderr
    deadline = time.monotonic() + 30
    while page(bare)[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert page(bare)[0] == 200, "its containers are back by themselves"
    assert "already so" in there.fab("deploy").stdout
    done = there.fab("install-docker", "--group")
    assert "deployer is in the group docker" in done.stdout
    assert "docker" in bare.run("id -nG deployer").split()
    assert "already so" in there.fab("install-docker", "--group").stdout


def test_an_engine_that_cannot_start_shows_its_log(bare: LabHost, there: Checkout) -> None:
    bare.run("/usr/local/sbin/lab-start no-engine; mkdir -p /etc/docker; echo '{nonsense' >/etc/docker/daemon.json")
    done = there.fab("install-docker", check=False)
    bare.run("rm /etc/docker/daemon.json")
    assert done.returncode == 1
    assert "dockerd" in done.stderr
    assert "daemon.json" in done.stderr
    assert "started Docker" in there.fab("install-docker").stdout


def test_an_unsupported_system_is_left_as_it_is(bare: LabHost, there: Checkout) -> None:
    bare.reset()
    bare.run("rm /etc/os-release /etc/debian_version && printf 'ID=plan9\\nNAME=\"Plan 9\"\\n' >/etc/os-release")
    before = bare.run(PACKAGES) + bare.run(CHANGED)
    for task in ("install-docker", "deploy", "plan"):
        done = there.fab(task, check=False)
        assert done.returncode == 3
        assert "ID=plan9" in done.stderr
        assert "Amazon Linux" in done.stderr
    assert bare.run(PACKAGES) + bare.run(CHANGED) == before


@pytest.mark.full
def test_ubuntu_from_bare_to_the_page(there: Checkout, tmp_path: Path) -> None:
    host = lab_up(UBUNTU, "bare-ubuntu", tmp_path)
    target = Checkout(there.path, host)
    assert "docker: will be installed (docker.io " in target.fab("plan").stdout
    data = json.loads(target.fab("deploy", "--json").stdout)
    print(f"Ubuntu 24.04, Docker {host.run('docker version --format {{.Server.Version}}').strip()}: {data['seconds']}")
    assert page(host) == (200, data["release"])
    assert host.run("dpkg-query -W -f '${Package}' docker-compose-v2") == "docker-compose-v2"
    assert "already so" in target.fab("install-docker").stdout
    assert "already so" in target.fab("deploy").stdout
    subprocess.run([LAB / "host", "down", UBUNTU], check=True)


# The usual server, without its engine.
PURGE = """set -e
systemctl stop docker.socket docker containerd
apt-get purge -q -y docker.io docker-cli docker-compose docker-buildx containerd runc >/dev/null
rm -rf /var/lib/docker/* /etc/docker /usr/libexec/docker
systemctl daemon-reload
! command -v docker"""


@pytest.mark.full
def test_systemd_starts_the_engine_now_and_at_boot(there: Checkout, tmp_path: Path) -> None:
    host = lab_up(SYSTEMD, "systemd26", tmp_path)
    target = Checkout(there.path, host)
    host.run(PURGE)
    assert "installed Docker 26.1.5" in target.fab("install-docker").stdout
    assert host.run("systemctl is-active docker; systemctl is-enabled docker").split() == ["active", "enabled"]
    host.run("systemctl disable --now docker.socket docker")
    assert "docker: is installed and will be started" in target.fab("plan").stdout
    data = json.loads(target.fab("deploy", "--json").stdout)
    assert page(host) == (200, data["release"])
    assert host.run("systemctl is-active docker; systemctl is-enabled docker").split() == ["active", "enabled"]
    host.run("mkdir -p /etc/docker; echo '{nonsense' >/etc/docker/daemon.json; systemctl stop docker.socket docker")
    done = target.fab("install-docker", check=False)
    assert done.returncode == 1
    assert "systemctl enable --now docker" in done.stderr
    assert "daemon.json" in done.stderr, "the journal's last lines"
    subprocess.run([LAB / "host", "down", SYSTEMD], check=True)


@pytest.mark.full
def test_debian_12_gets_docker_s_own_packages_or_is_told_how(there: Checkout, tmp_path: Path) -> None:
    """Its own Docker is 20.10, its Compose v1: not enough. Docker's repository is not reachable from everywhere."""
    host = lab_up(BOOKWORM, "bare-bookworm", tmp_path)
    target = Checkout(there.path, host)
    before = host.run(PACKAGES) + host.run("ls /etc/apt/sources.list.d /etc/apt/keyrings")
    done = target.fab("install-docker", check=False)
    if done.returncode == 0:
        assert "installed Docker" in done.stdout
    else:
        assert done.returncode == 1
        assert "https://download.docker.com/linux/debian/gpg" in done.stderr
        assert "docs.docker.com/engine/install/debian" in done.stderr
        assert host.run(PACKAGES) + host.run("ls /etc/apt/sources.list.d /etc/apt/keyrings") == before
    subprocess.run([LAB / "host", "down", BOOKWORM], check=True)


def test_docker_20_with_compose_v1_is_refused(there: Checkout, tmp_path: Path) -> None:
    # Feature: production-deployment-system, Property 22: Version requirement
    host = lab_up(OLD, "docker20", tmp_path)
    target = Checkout(there.path, host)
    before = host.run(PACKAGES) + host.run("ls -A /opt; docker image ls -q; docker ps -aq")
    for task in ("deploy", "plan", "install-docker"):
        done = target.fab(task, check=False)
        assert done.returncode == 3
        assert "Docker Compose 1.29.2 found, 2.20.0 required" in done.stderr
        assert "docker-compose-plugin" in done.stderr
    done = target.fab("deploy", "--set", "MIN_DOCKER_VERSION=25.0.0", check=False)
    assert done.returncode == 3
    assert "Docker 20.10.24" in done.stderr
    assert "25.0.0 required" in done.stderr
    assert host.run(PACKAGES) + host.run("ls -A /opt; docker image ls -q; docker ps -aq") == before
    subprocess.run([LAB / "host", "down", OLD], check=True)
