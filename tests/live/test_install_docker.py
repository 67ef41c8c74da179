"""Servers without Docker: from bare to the page by one `deploy`, and what is said where that cannot be."""

import http.client
import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout import ROOT, Checkout
from tests.labhost import LAB, LabHost

# Beside those of another run of the tests, which has another TEST_HOST.
FIRST = f"{os.environ['TEST_HOST']}-" if "TEST_HOST" in os.environ else ""
BARE, BOOKWORM, OLD = f"{FIRST}install", f"{FIRST}install12", f"{FIRST}install20"
UBUNTU, SYSTEMD = f"{FIRST}install-ubuntu", f"{FIRST}install-systemd"
PACKAGES = "dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\\n'"
CHANGED = "ls -A /opt /var/log/community-tracker 2>/dev/null; ls /etc/apt/sources.list.d /etc/apt/keyrings; id deployer"

# Holds the lock that apt-get and dpkg take (struct flock of 64-bit Linux) for some seconds, and says when it has it;
# perl is on every Debian.
HOLD = """perl -MFcntl -e '$| = 1; open my $f, ">", "/var/lib/dpkg/lock-frontend" or die;
my $lock = pack("s s x4 q q l x4", F_WRLCK, 0, 0, 0, 0);
fcntl($f, F_SETLK, $lock) or die "not locked: $!"; print "held\\n"; sleep SECONDS'"""

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
    assert "Unpacking containerd" in bare.run("cat /var/log/community-tracker/*-install-docker-*.output")
    assert bare.run(PACKAGES) == before
    assert not bare.run("dpkg --audit")


# A package that docker.io cannot be beside, as podman-docker is.
RIVAL = """set -e
mkdir -p /tmp/rival/DEBIAN
printf 'Package: rival\\nVersion: 1\\nArchitecture: all\\nConflicts: docker.io\\nMaintainer: test\\n' \
  >/tmp/rival/DEBIAN/control && echo 'Description: test' >>/tmp/rival/DEBIAN/control
dpkg-deb -b /tmp/rival /tmp/rival.deb && dpkg -i /tmp/rival.deb
apt-get update -q"""


def test_what_is_there_is_not_removed_for_docker(bare: LabHost, there: Checkout) -> None:
    """Turned red by: no --no-remove in apt_run (scripts/host/packages.sh)."""
    bare.run(RIVAL)
    before = bare.run(PACKAGES)
    done = there.fab("install-docker", check=False)
    assert done.returncode == 1
    assert "rival" in done.stderr
    assert "Packages need to be removed but remove is disabled" in done.stderr
    assert "by hand on the host" in done.stderr
    assert bare.run(PACKAGES) == before
    bare.run("dpkg --purge rival")


# Another package manager: holds the lock until ours waits for it, and installs something before it lets go.
ANOTHER = """cd /tmp && apt-get download -q tree >/dev/null 2>&1
perl -MFcntl -e 'open my $f, ">", "/var/lib/dpkg/lock-frontend" or die;
my $lock = pack("s s x4 q q l x4", F_WRLCK, 0, 0, 0, 0);
fcntl($f, F_SETLK, $lock) or die "not locked: $!"; $| = 1; print "locked\n";
my ($try, $waits) = (0, "grep -qs Could.not.get.lock /var/log/community-tracker/*.output");
select(undef, undef, undef, 0.1) while system($waits) && $try++ < 600;
$ENV{DPKG_FRONTEND_LOCKED} = 1; exit(system("dpkg -i /tmp/tree_*.deb") ? 1 : 0)'"""


def test_what_another_installs_meanwhile_is_left(bare: LabHost, there: Checkout) -> None:
    before = bare.run(PACKAGES)
    bare.run("rm -rf /var/log/community-tracker")
    with bare.start(ANOTHER) as another:
        assert another.stdout
        assert another.stdout.readline() == "locked\n"
        done = there.fab("install-docker", check=False)
        another.communicate(timeout=120)
    assert another.returncode == 0
    assert done.returncode == 1
    assert "removed again: containerd" in done.stderr
    came = set(bare.run(PACKAGES).splitlines()) ^ set(before.splitlines())
    assert [line.split()[1] for line in came] == ["tree"], came


def test_the_data_of_an_engine_that_was_there_once_is_never_purged(bare: LabHost, there: Checkout) -> None:
    """A purge of Debian's docker.io removes /var/lib/docker, volumes and all."""
    bare.run("mkdir -p /var/lib/docker/volumes/old/_data && echo rows >/var/lib/docker/volumes/old/_data/file")
    done = there.fab("install-docker", check=False)
    assert done.returncode == 1
    assert "removed again: containerd" in done.stderr
    assert bare.run("cat /var/lib/docker/volumes/old/_data/file") == "rows\n"
    assert "ii  containerd" not in bare.run(PACKAGES)


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
    assert bare.run(PACKAGES) + bare.run(CHANGED) == before
    done = there.fab("ship-images", check=False)  # it does one thing, and says what is missing for it
    assert done.returncode == 3
    assert "install-docker" in done.stderr
    done = there.fab("up", check=False)
    assert done.returncode == 1
    assert "nothing was pushed yet" in done.stderr
    bare.run("rm -rf /opt/community-tracker /var/log/community-tracker")  # the lock that both took, and their logs
    assert bare.run(PACKAGES) + bare.run(CHANGED) == before


def started(there: Checkout) -> "subprocess.Popen[bytes]":
    """Begin an installation, and do not wait for its end."""
    fab = [str(ROOT / ".venv" / "bin" / "fab"), "-H", BARE, "install-docker"]
    return subprocess.Popen(fab, cwd=there.path, env=there.environment(), stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip


NEWEST = "$(ls -t /var/log/community-tracker/*-install-docker-*.output 2>/dev/null | head -n 1)"


def wait_for(bare: LabHost, line: str, then: str = "") -> None:
    """Wait until the log of the newest installation has the line, then run a command there, at once."""
    bare.run(
        f"for _ in $(seq 6000); do grep -qs '{line}' {NEWEST} && {{ {then or ':'}; exit 0; }}; sleep 0.01; done; exit 1"
    )


# Everything of an installation, from the script that the workstation sent down to a package's own scripts.
KILL = (
    "tree() { for child in $(pgrep -P $1); do tree $child; done; kill -9 $1; }; "
    "for top in $(pgrep -f '^sh -s') $(pgrep -x apt-get) $(pgrep -x dpkg); do tree $top 2>/dev/null; done; true"
)
TORN = "dpkg-query -W -f '${db:Status-Abbrev}|${Package}\\n' | grep -v '^ii ' || true"


def cut(bare: LabHost, there: Checkout, line: str, how: str) -> str:
    """Cut an installation off at a line of its log, by a kill of all of it or of the host; give what is torn then."""
    process = started(there)
    wait_for(bare, line, KILL if how == "kill" else "")
    if how == "power":
        subprocess.run([LAB / "fault", "dead", BARE], check=True)
    process.kill()
    process.wait()
    if how == "power":
        subprocess.run([LAB / "fault", "dead", BARE, "off"], check=True)
    return bare.run(TORN)


def is_complete(bare: LabHost) -> bool:
    bare.run("docker version && docker compose version && getent group docker")
    return not bare.run(TORN) and not bare.run("dpkg --audit")


@pytest.mark.parametrize(
    ("line", "how"),
    [
        pytest.param("^Selecting previously unselected package docker.io", "kill", marks=pytest.mark.full),
        ("^Setting up docker.io", "kill"),
        pytest.param("^Setting up docker.io", "power", marks=pytest.mark.full),
        ("^Unpacking docker-compose", "power"),
    ],
)
def test_an_installation_that_was_cut_off_is_completed_by_the_next(
    line: str, how: str, bare: LabHost, there: Checkout
) -> None:
    bare.run(REMOVE)
    torn = cut(bare, there, line, how)
    print(f"{how} at {line}: {torn.split()}")
    done = there.fab("install-docker")
    assert "Docker 26.1.5" in done.stdout
    assert is_complete(bare), bare.run(TORN)
    assert "already so" in there.fab("install-docker").stdout


# Without an engine again, the archives still there: the next installation loads nothing.
REMOVE = """/usr/local/sbin/lab-start no-engine
dpkg --configure -a >/dev/null 2>&1
apt-get purge -q -y docker.io docker-cli docker-compose containerd runc iptables >/dev/null 2>&1
apt-get autoremove --purge -q -y >/dev/null 2>&1
rm -rf /var/log/community-tracker /opt/community-tracker
! command -v dockerd"""


BEGINNING = "[+] env "
"""Of the first package manager that an installation starts, in its log."""


@pytest.mark.full
@pytest.mark.timeout(7200)
def test_cut_off_at_twenty_random_moments(bare: LabHost, there: Checkout) -> None:
    """Each is followed by a plain run that succeeds; every fourth falls on what another has left.

    Turned red by: no `dpkg --configure -a` before the installation (scripts/host/packages.sh).
    """
    chance, table = random.Random(20), []
    for turn in range(20):
        if turn % 4 != 3:
            bare.run(REMOVE)
        line = BEGINNING if turn % 4 == 3 else chance.choice([BEGINNING, "^Unpacking", "^Setting up"])
        how, wait = chance.choice(["kill", "power"]), chance.random() * 3
        torn = cut_after(bare, there, line, wait, how)
        if turn % 4 != 2:  # else the next cut finds what this one has left
            start = time.monotonic()
            there.fab("install-docker")
            assert is_complete(bare), bare.run(TORN)
            ended = f"complete after {time.monotonic() - start:.0f} s"
        else:
            ended = "left for the next"
        table.append(f"{turn + 1:2}  {how:5}  {wait:.1f} s after {line:18}  torn: {len(torn):2}  {ended}")
        print(table[-1])
    print("\n".join(table))


def cut_after(bare: LabHost, there: Checkout, line: str, wait: float, how: str) -> list[str]:
    """Kill the client, and on the host all of its installation, or the host; give what is torn then."""
    bare.run("rm -f /var/log/community-tracker/*-install-docker.log")
    process = started(there)
    wait_for(bare, line)
    time.sleep(wait)
    if how == "kill":
        bare.run(KILL)
    else:
        subprocess.run([LAB / "fault", "dead", BARE], check=True)
    process.kill()
    process.wait()
    if how == "power":
        subprocess.run([LAB / "fault", "dead", BARE, "off"], check=True)
    return bare.run(TORN).split()


def test_a_part_that_was_cut_off_is_finished_though_the_engine_answers(bare: LabHost, there: Checkout) -> None:
    """The group and the half set-up come back; plan, doctor and deploy see it."""
    there.fab("install-docker")
    bare.run(
        "sed -i '/^Package: docker.io$/,/^$/s/^Status: .*/Status: install ok half-configured/' /var/lib/dpkg/status"
    )
    bare.run("groupdel docker")
    assert "docker: was installed half way (docker.io), and will be finished" in there.fab("plan").stdout
    assert "was installed half way (docker.io)" in there.fab("doctor").stdout
    done = there.fab("install-docker")
    assert "installed Docker 26.1.5" in done.stdout
    assert is_complete(bare), bare.run(TORN)


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
    log = bare.run("cat /var/log/community-tracker/*-deploy-*.output")
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
    with bare.start(HOLD.replace("SECONDS", "25")) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
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


def test_an_engine_that_cannot_start_with_its_configuration_is_said_to_be_that(bare: LabHost, there: Checkout) -> None:
    bare.run("/usr/local/sbin/lab-start no-engine; mkdir -p /etc/docker; echo '{nonsense' >/etc/docker/daemon.json")
    done = there.fab("install-docker", check=False)
    bare.run("rm /etc/docker/daemon.json")
    assert done.returncode == 1
    assert (
        "Docker does not start: unable to configure the Docker daemon with file /etc/docker/daemon.json" in done.stderr
    )
    assert "next: mend /etc/docker/daemon.json on the host" in done.stderr
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
    assert "next: mend /etc/docker/daemon.json on the host" in done.stderr
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
