"""`renew-certs`, and what `deploy`, `plan`, `status` and `doctor` make of a certificate, on a stand-in host."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.certificates import renew_certs
from tasks.core.certificates import Certificate, load_certificate
from tasks.core.checks import host_checks
from tasks.core.errors import HostFailed, SettingsError, UsageError
from tasks.core.protocols import Answer
from tasks.deployment import deploy, plan
from tasks.releases import push_config
from tasks.status import status
from tests.certificates import certificate, key_text, new_key, pem, write_pair
from tests.steps.conftest import World, activated, loads, told
from tests.steps.fakes import files_in
from tests.steps.samples import HostState, serving

NAME = "example.org"
RENEWED = Answer(
    0, ("changed=yes", "schema=1", "fingerprint=f", f"names={NAME}", "until=2027-01-01T00:00:00Z", "source=me")
)
HAS = (f"certificate.names={NAME}", "certificate.until=2027-01-01T00:00:00Z", "certificate.fingerprint=f")


@pytest.fixture
def pair(world: World, tmp_path: Path) -> Certificate:
    """HTTPS in the settings, with a pair in CERT_PATH."""
    key, directory = new_key("p-256"), tmp_path / "certs"
    write_pair(directory, pem(certificate(key, NAME)), key_text(key))
    world.set(ENABLE_HTTPS="true", CERT_PATH=str(directory), SERVER_NAMES=NAME)
    return load_certificate(directory)


def with_pair(world: World, name: str, *more: str, days: int = 90) -> HostState:
    """A host that serves with HTTPS; `name` is the pair that it has, `days` how long it lasts."""
    end = int(datetime.now(UTC).timestamp()) + days * 86400 + 60
    return serving(world.files()).having(*HAS, f"certificate.pair={name}", f"certificate.not_after={end}", *more)


def test_another_pair_is_sent_under_the_lock_and_renewed(world: World, pair: Certificate) -> None:
    """Turned red by: a renewal that is ordered before the pair is sent."""
    state = with_pair(world, "old")
    world.host.scripts = {"hold": [told(state)], "receive-certificate": [Answer(0)], "hold renew-certs": [RENEWED]}
    outcome = renew_certs(world.host, world.work)
    assert world.host.transcript == ["hold renew-certs", f"receive-certificate {pair.pair}", "hold: renew-certs"]
    assert (outcome.changed, outcome.exit_code) == (True, 0)
    assert outcome.summary == f"web1: the certificate for {NAME} is served, until 2027-01-01T00:00:00Z"
    sent = files_in(world.host.sent("receive-certificate")[0].data)
    assert set(sent) == {"fullchain.pem", "privkey.pem"}
    seen = repr([(call.words, dict(call.parameters)) for call in world.host.calls]) + world.console.everything
    assert "PRIVATE KEY" not in seen
    assert str(world.settings.cert_directory) not in seen


def test_the_pair_that_is_served_is_not_sent_and_said_to_be_so(world: World, pair: Certificate) -> None:
    world.host.scripts = {
        "hold": [told(with_pair(world, pair.pair))],
        "hold renew-certs": [Answer(0, ("changed=no", f"names={NAME}", "until=x"))],
    }
    outcome = renew_certs(world.host, world.work)
    assert world.host.transcript == ["hold renew-certs", "hold: renew-certs"]
    assert (outcome.changed, outcome.summary) == (
        False,
        f"web1: already so, the certificate for {NAME} is served until x",
    )


@pytest.mark.parametrize(
    ("served", "staged", "is_sent"), [("old", "new", False), ("", "new", False), ("new", "old", True)]
)
def test_a_pair_that_waits_there_is_not_sent_again(
    world: World, pair: Certificate, served: str, staged: str, *, is_sent: bool
) -> None:
    """Turned red by: `facts.certificate.pair` alone in send_certificate."""
    served, staged = served.replace("new", pair.pair), staged.replace("new", pair.pair)
    state = with_pair(world, served, f"certificate.staged={staged}")
    world.host.scripts = {"hold": [told(state)], "receive-certificate": [Answer(0)], "hold renew-certs": [RENEWED]}
    renew_certs(world.host, world.work)
    assert bool(world.host.sent("receive-certificate")) == is_sent


def test_what_the_host_refuses_is_said_with_what_to_do(world: World, pair: Certificate) -> None:
    refused = Answer(1, (), ("error: the new certificate is not served: no", "  next: fab -H HOST renew-certs"))
    world.host.scripts = {"hold": [told(with_pair(world, pair.pair))], "hold renew-certs": [refused]}
    with pytest.raises(HostFailed, match="not served: no") as caught:
        renew_certs(world.host, world.work)
    assert caught.value.remedy == "fab -H deployer@web1:2222 renew-certs"


def test_a_pair_with_a_fault_contacts_nobody(world: World, pair: Certificate) -> None:
    """Turned red by: local_certificate after `held` in renew_certs."""
    directory = world.settings.cert_directory
    assert directory is not None
    write_pair(directory, pem(certificate(new_key("p-256"), "other.test")), key_text(new_key("p-256")))
    for step in (renew_certs, deploy, plan):
        with pytest.raises(SettingsError, match="does not belong") as caught:
            step(world.host, world.work)
        assert f"is not for {NAME}" in str(caught.value)
    assert world.host.transcript == []


def test_without_https_there_is_nothing_to_renew(world: World) -> None:
    with pytest.raises(UsageError, match="ENABLE_HTTPS is false"):
        renew_certs(world.host, world.work)
    assert world.host.transcript == []


def test_without_cert_path_it_is_said_what_is_missing(world: World) -> None:
    world.set(ENABLE_HTTPS="true")
    with pytest.raises(UsageError, match="CERT_PATH") as caught:
        renew_certs(world.host, world.work)
    assert (caught.value.exit_code, world.host.transcript) == (2, [])


def test_a_certificate_alone_is_renewed_by_deploy_without_an_activation(world: World, pair: Certificate) -> None:
    """Turned red by: no `is_certificate_alone` in deploy."""
    state = with_pair(world, "old")
    world.host.scripts = {"facts": [told(state)], "hold": [told(state)], "receive-certificate": [Answer(0)],
                          "hold renew-certs": [RENEWED]}  # fmt: skip
    found = plan(world.host, world.work)
    assert found.data is not None
    assert str(found.data["certificate"]).startswith(
        "certificate: another one than is served: example.org, 79 days left"
    )
    world.host.transcript.clear()
    assert deploy(world.host, world.work).changed
    assert world.host.transcript == [
        "facts", "hold deploy", f"receive-certificate {pair.pair}", "hold: renew-certs",
    ]  # fmt: skip


def test_the_same_certificate_is_already_so(world: World, pair: Certificate) -> None:
    world.host.scripts = {"facts": [told(with_pair(world, pair.pair))]}
    assert not deploy(world.host, world.work).changed
    assert world.host.transcript == ["facts"]


def test_a_first_deployment_sends_it_before_the_activation(world: World, pair: Certificate) -> None:
    release = world.built().release
    world.answers(facts=told(HostState()), hold=told(HostState()), load=loads(), tag=Answer(0), receive=Answer(0))
    world.answers(hold_activate=activated(release))
    world.host.scripts = {**world.host.scripts, "receive-certificate": [Answer(0)]}
    deploy(world.host, world.work)
    assert world.host.transcript[-3:] == [
        f"receive {release}", f"receive-certificate {pair.pair}", f"hold: activate {release}",
    ]  # fmt: skip


def test_push_config_sends_it_once(world: World, pair: Certificate) -> None:
    world.built()
    world.answers(hold=[told(HostState()), told(HostState().having(f"certificate.staged={pair.pair}"))])
    world.host.scripts = {**world.host.scripts, "receive": [Answer(0)], "receive-certificate": [Answer(0)]}
    for _ in range(2):
        push_config(world.host, world.work)
    assert len(world.host.sent("receive-certificate")) == 1


@pytest.mark.parametrize(
    ("staged", "wanted", "is_change"), [("", "new", True), ("", "old", False), ("new", "old", False)]
)
def test_on_the_host_what_is_there_now_decides(world: World, staged: str, wanted: str, *, is_change: bool) -> None:
    world.set(ENABLE_HTTPS="true", CERT_PATH="host:/certs")
    state = with_pair(world, "old", f"certificate.path={wanted}", f"certificate.staged={staged}")
    world.host.scripts = {"facts": [told(state)]}
    found = plan(world.host, world.work)
    assert found.data is not None
    assert found.data["nothing"] == (not is_change)
    assert bool(found.data["certificate"]) == is_change
    checks = {each.name: each for each in host_checks(state.facts(), world.settings)}
    assert ("CERT_PATH" in checks) == is_change
    assert not is_change or "has another certificate than is served" in checks["CERT_PATH"].found


@pytest.mark.parametrize(
    ("days", "said", "code"), [(90, "90 days left, until", 0), (29, "renew it, then fab -H", 0), (-1, "EXPIRED on", 1)]
)
def test_status_and_doctor_count_the_days(world: World, pair: Certificate, days: int, said: str, code: int) -> None:
    """Turned red by: no is_certificate_expired in status; WARN_DAYS 20."""
    state = with_pair(world, pair.pair, days=days)
    world.host.scripts = {"facts": [told(state)]}
    outcome = status(world.host, world.work)
    assert any(said in line for line in world.console.said if line.startswith(f"  certificate {NAME}"))
    assert (outcome.exit_code, "EXPIRED" in outcome.summary) == (code, code == 1)
    assert outcome.data is not None
    assert outcome.data["certificate"]["days_left"] == days  # type: ignore[index]
    [check] = [each for each in host_checks(state.facts(), world.settings) if each.name == "certificate"]
    assert check.passed == (code == 0)
    assert ("near its end" in check.found) == (days < 30)


def test_without_https_no_certificate_is_shown(world: World) -> None:
    state = with_pair(world, "left over", days=-5)
    world.host.scripts = {"facts": [told(state)]}
    outcome = status(world.host, world.work)
    assert outcome.exit_code == 0
    assert outcome.data is not None
    assert outcome.data["certificate"] is None
