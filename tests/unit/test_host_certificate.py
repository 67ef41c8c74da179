"""What is said of the certificate that a host serves, and whether another one is wanted."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.core.certificates import WARN_DAYS, Certificate, load_certificate
from tasks.core.checks import Check, host_checks
from tasks.core.host_certificate import HostCertificate, certificate_change, parse_host_certificate
from tasks.core.plan import make_plan
from tasks.core.releases import ReleaseFiles, release_files
from tests.certificates import certificate, key_text, new_key, pem, write_pair
from tests.steps.samples import RELEASE, HostState, make_build, make_settings, serving

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_795_000_000
DAY = 86_400
SERVED = "aaaaaaaaaaaaaaaa-bbbbbbbb"


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    key = new_key("p-256")
    leaf = certificate(key, "example.org", names=["example.org", "b.test"], now=datetime.now(UTC))
    return load_certificate(write_pair(tmp_path_factory.mktemp("certs"), pem(leaf), key_text(key)))


def served(seconds: int = 90 * DAY, /, **changes: str) -> dict[str, str]:
    """What a host tells of a certificate that ends in so many seconds."""
    told = {"pair": SERVED, "names": "example.org,b.test", "until": "2026-12-01T00:00:00Z", "fingerprint": "a" * 64}
    return {**told, "not_after": str(NOW + seconds), **changes}


# --- how long it lasts ---


@pytest.mark.parametrize(
    ("seconds", "days", "is_expired", "is_short"),
    [
        (-DAY, -1, True, True), (-1, -1, True, True), (0, 0, True, True), (1, 0, False, True),
        (DAY - 1, 0, False, True), (DAY, 1, False, True), (WARN_DAYS * DAY - 1, WARN_DAYS - 1, False, True),
        (WARN_DAYS * DAY, WARN_DAYS, False, False),
    ],
)  # fmt: skip
def test_its_days_are_whole_and_its_last_second_is_known(
    seconds: int, days: int, is_expired: bool, is_short: bool
) -> None:
    """Turned red by: `<` for `<=` in is_expired; `<=` for `<` in is_short; a last day told as `0 days`."""
    found = parse_host_certificate(served(seconds))
    assert (found.days_left(NOW), found.is_expired(NOW), found.is_short(NOW)) == (days, is_expired, is_short)
    assert ("EXPIRED" in found.text(NOW)) == is_expired
    assert ("LESS THAN A DAY left" in found.text(NOW)) == (0 < seconds < DAY)
    assert found.text(NOW).startswith("example.org, b.test, ")


@pytest.mark.parametrize("facts", [{}, {"not_after": "soon"}, {"names": "", "staged": "x"}])
def test_where_none_is_served_nothing_is_expired(facts: dict[str, str]) -> None:
    found = parse_host_certificate(facts)
    assert (found.is_expired(NOW), found.is_short(NOW), found.as_json(NOW)) == (False, False, None)
    assert found.names == ()


def test_what_it_is_for_programs() -> None:
    shown = parse_host_certificate(served(10 * DAY + 5, installed="2026-11-01T00:00:00Z", source="ann@pc")).as_json(NOW)
    assert shown == {
        "names": ["example.org", "b.test"], "fingerprint": "a" * 64, "until": "2026-12-01T00:00:00Z", "days_left": 10,
        "installed": "2026-11-01T00:00:00Z", "source": "ann@pc",
    }  # fmt: skip


# --- whether another one is wanted ---


def test_the_workstation_s_own(wanted: Certificate) -> None:
    ours = HostCertificate(pair=wanted.pair)
    assert certificate_change(ours, wanted) == ""
    assert certificate_change(replace(ours, staged=wanted.pair), wanted) == ""
    assert "pushed and never served: it is dropped" in certificate_change(replace(ours, staged=SERVED), wanted)
    first = certificate_change(HostCertificate(), wanted)
    assert first.startswith("certificate: the first one: example.org, b.test, ")
    other = certificate_change(HostCertificate(pair=SERVED), wanted)
    assert other.startswith("certificate: another one than is served: example.org, b.test, ")
    assert other.endswith("nobody notices")
    pushed = certificate_change(HostCertificate(pair=SERVED, staged=wanted.pair), wanted)
    assert pushed == other, "what was pushed is served by the next deployment"


def test_one_that_is_on_the_host() -> None:
    assert certificate_change(HostCertificate(), None) == "", "there is nothing to compare"
    assert certificate_change(HostCertificate(pair=SERVED), None) == ""
    assert certificate_change(HostCertificate(pair=SERVED, path=SERVED), None) == ""
    assert certificate_change(HostCertificate(path=SERVED), None).startswith(
        "certificate: the first one: what CERT_PATH"
    )
    other = certificate_change(HostCertificate(pair=SERVED, path="other"), None)
    assert other.startswith("certificate: another one than is served: what CERT_PATH has on the host")


# --- the plan ---


@pytest.fixture
def files(tmp_path: Path) -> ReleaseFiles:
    return release_files(ROOT, make_settings(tmp_path, ENABLE_HTTPS="true", CERT_PATH="/c"), make_build())


def told(state: HostState, found: dict[str, str]) -> HostState:
    return state.having(*(f"certificate.{key}={value}" for key, value in found.items()))


def test_a_certificate_alone_needs_no_activation(files: ReleaseFiles, tmp_path: Path, wanted: Certificate) -> None:
    """Turned red by: is_certificate_alone that is true where there is no certificate, or where more is to do."""
    so, new = told(serving(files), served(pair=wanted.pair)), told(serving(files), served())
    plan = make_plan(files, RELEASE, so.facts(), certificate=wanted)
    assert (plan.nothing, plan.is_certificate_alone) == (True, False)
    plan = make_plan(files, RELEASE, new.facts(), certificate=wanted)
    assert (plan.nothing, plan.is_certificate_alone) == (False, True)
    assert plan.lines() == [certificate_change(new.facts().certificate, wanted)]
    more = release_files(ROOT, make_settings(tmp_path, "A=1\n", ENABLE_HTTPS="true", CERT_PATH="/c"), make_build())
    plan = make_plan(more, RELEASE, new.facts(), certificate=wanted)
    assert (plan.nothing, plan.is_certificate_alone) == (False, False)
    edge_down = make_plan(files, RELEASE, new.having("fault=edge it is not running").facts(), certificate=wanted)
    assert not edge_down.is_certificate_alone


# --- doctor ---


def checked(place: Path, files: ReleaseFiles, found: dict[str, str], **settings: str) -> dict[str, Check]:
    state = told(serving(files), found).but(clock=str(NOW))
    return {each.name: each for each in host_checks(state.facts(), make_settings(place, **settings), now=float(NOW))}


@pytest.mark.parametrize(
    ("seconds", "passed", "is_warned"), [(90 * DAY, True, False), (20 * DAY, True, True), (-1, False, True)]
)
def test_doctor_has_a_line_for_what_is_served(
    tmp_path: Path, files: ReleaseFiles, seconds: int, passed: bool, is_warned: bool
) -> None:
    line = checked(tmp_path, files, served(seconds))["certificate"]
    assert (line.passed, "near its end" in line.found) == (passed, is_warned)
    assert line.found.startswith("example.org, b.test, ")
    assert "renew-certs" in line.remedy


def test_doctor_has_none_where_nothing_is_served_over_https(tmp_path: Path, files: ReleaseFiles) -> None:
    assert "certificate" not in checked(tmp_path, files, {})
    plain = release_files(ROOT, make_settings(tmp_path), make_build())
    assert "certificate" not in checked(tmp_path, plain, served())


@pytest.mark.parametrize(
    ("changes", "passed", "part"),
    [
        ({"path": SERVED}, None, ""),
        ({"path": "other"}, False, "host:/c has another certificate than is served"),
        ({"path_fault": "/c has no privkey.pem"}, False, "/c has no privkey.pem"),
        ({"pair": "", "path": "other"}, True, "host:/c has a certificate, and none is served yet"),
    ],
)
def test_doctor_compares_with_what_cert_path_has_there(
    tmp_path: Path, files: ReleaseFiles, changes: dict[str, str], passed: bool | None, part: str
) -> None:
    lines = checked(tmp_path, files, served(**changes), ENABLE_HTTPS="true", CERT_PATH="host:/c")
    if passed is None:
        assert "CERT_PATH" not in lines
    else:
        assert (lines["CERT_PATH"].passed, lines["CERT_PATH"].found) == (passed, part)
    assert "CERT_PATH" not in checked(tmp_path, files, served(**changes), ENABLE_HTTPS="true", CERT_PATH="/c")
