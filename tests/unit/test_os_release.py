"""Operating systems by their os-release text, and by what older systems have instead."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.os_release import SUPPORTED, OperatingSystem, detect, parse_os_release

SEED_LIST = (
    "Ubuntu", "Debian", "RHEL", "CentOS", "Fedora", "Rocky", "AlmaLinux", "Amazon Linux", "SLES", "openSUSE", "Alpine",
)  # fmt: skip

# ID, VERSION_ID, ID_LIKE → package manager; as the distributions' own files have it
SYSTEMS = [
    ("ubuntu", "24.04", "debian", "apt-get"),
    ("debian", "12", "", "apt-get"),
    ("rhel", "9.4", "fedora", "dnf"),
    ("rhel", "7.9", "fedora", "yum"),
    ("centos", "9", "rhel fedora", "dnf"),
    ("centos", "7", "rhel fedora", "yum"),
    ("fedora", "41", "", "dnf"),
    ("rocky", "9.4", "rhel centos fedora", "dnf"),
    ("almalinux", "9.4", "rhel centos fedora", "dnf"),
    ("ol", "9.4", "fedora", "dnf"),
    ("ol", "7.9", "fedora", "yum"),
    ("amzn", "2023", "fedora", "dnf"),
    ("amzn", "2", "centos rhel fedora", "yum"),
    ("sles", "15.6", "suse", "zypper"),
    ("opensuse-leap", "15.6", "suse opensuse", "zypper"),
    ("opensuse-tumbleweed", "20261101", "opensuse suse", "zypper"),
    ("alpine", "3.20.3", "", "apk"),
    # derivatives
    ("linuxmint", "22", "ubuntu debian", "apt-get"),
    ("raspbian", "12", "debian", "apt-get"),
    ("pop", "22.04", "ubuntu debian", "apt-get"),
    ("scientific", "7.9", "rhel centos fedora", "yum"),
    ("eurolinux", "9.4", "rhel fedora centos", "dnf"),
    ("sle-micro", "6.0", "suse", "zypper"),
]

QUOTES = ["{}", '"{}"', "'{}'"]


def os_release(identifier: str, version: str, like: str, quote: str = '"{}"', end: str = "\n") -> str:
    fields = {"PRETTY_NAME": "The System", "ID": identifier, "VERSION_ID": version}
    if like:
        fields["ID_LIKE"] = like
    lines = []
    for key, value in fields.items():
        style = quote if " " not in value or quote != "{}" else '"{}"'
        lines.append(f"{key}={style.format(value)}")
    return end.join([*lines, ""])


@pytest.mark.parametrize("quote", QUOTES)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: f"{system[0]}-{system[1]}")
def test_systems(system: tuple[str, str, str, str], quote: str, end: str) -> None:
    identifier, version, like, manager = system
    found = detect(os_release(identifier, version, like, quote, end))
    assert found is not None
    assert (found.package_manager, found.version, found.name) == (manager, version, "The System")


@pytest.mark.parametrize(
    ("fallback", "system"),
    [
        ("/etc/redhat-release:CentOS Linux release 7.9.2009 (Core)", ("rhel", "7.9.2009", "yum")),
        ("/etc/redhat-release:Red Hat Enterprise Linux release 8.10 (Ootpa)", ("rhel", "8.10", "dnf")),
        ("/etc/centos-release:CentOS Linux release 7.9.2009 (Core)", ("centos", "7.9.2009", "yum")),
        ("/etc/debian_version:12.5", ("debian", "12.5", "apt-get")),
        ("debian_version:trixie/sid", ("debian", "", "apt-get")),
        ("/etc/alpine-release:3.19.1", ("alpine", "3.19.1", "apk")),
    ],
)
def test_systems_without_os_release(fallback: str, system: tuple[str, str, str]) -> None:
    found = detect("", [fallback])
    assert found is not None
    assert (found.id, found.version, found.package_manager) == system
    assert found.name == fallback.partition(":")[2]


@pytest.mark.parametrize(
    "text", ["", "ID=arch\n", "ID=plan9\nID_LIKE=unix\n", "ID=\n", "garbage", "ID='\n", "# ID=debian\n"]
)
def test_unsupported_systems(text: str) -> None:
    assert detect(text) is None
    assert detect(text, ["/etc/slackware-version:Slackware 15.0"]) is None


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=Debian", "Debian"), ('NAME="Debian GNU/Linux"', "Debian GNU/Linux"), ("NAME='It is'", "It is"),
        ("NAME=", ""), ('NAME=""', ""), (r'NAME="a \"quoted\" name"', 'a "quoted" name'),
        (r'NAME="a \$ and a \` and a \\"', "a $ and a ` and a \\"), ("  NAME=Debian  ", "Debian"),
        ("NAME=\"Debian\" # and more", "Debian"), ('NAME="not closed', "not closed"), ("\ufeffNAME=Debian", "Debian"),
        ("NAME=\"Debian\"\r", "Debian"), ("NAME=a\\ b", "a b"), ("NAME=$(id)", "$(id)"),
    ],
)  # fmt: skip
def test_quoting(line: str, value: str) -> None:
    assert parse_os_release(line) == {"NAME": value}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), st.lists(st.text(max_size=30), max_size=3))
def test_any_text_is_survived(text: str, fallback: list[str]) -> None:
    found = detect(text, fallback)
    assert found is None or isinstance(found, OperatingSystem)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60))
def test_any_name_arrives_as_it_was_quoted(name: str) -> None:
    quoted = re.sub(r'(["$`\\])', r"\\\1", name)
    assert parse_os_release(f'PRETTY_NAME="{quoted}"') == {"PRETTY_NAME": name}


def test_the_list_for_messages_has_the_seed_s_eleven() -> None:
    assert set(SEED_LIST) <= set(SUPPORTED)


def test_every_id_has_a_manager_that_is_known() -> None:
    source = Path(detect.__code__.co_filename).read_text()
    assert set(re.findall(r'"(apt-get|dnf|yum|zypper|apk)"', source)) == {"apt-get", "dnf", "yum", "zypper", "apk"}
