"""What the tests stand on: a lab host, a clean checkout, and `fab` as a user runs it.

Nothing here touches the user's own ~/.ssh: fab gets a HOME of its own, whose .ssh/config knows the lab's hosts.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.checkout import ROOT, Checkout
from tests.labhost import LAB, LabHost
from tests.properties import table

# Modules of tests/live that never ask for the lab host, and those of tests/properties that do.
HOSTS_OF_THEIR_OWN = {"test_build_context", "test_engines", "test_install_docker"}
ON_THE_LAB_HOST = {"test_logs_on_host", "test_releases_on_host", "test_version_tags"}

HOST_NAME = os.environ.get("TEST_HOST", "test")

# A busy machine is no fault of an example.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

Fab = Callable[..., subprocess.CompletedProcess[str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("community-deploy")
    group.addoption("--full", action="store_true", help="the whole number of examples and deployments")
    group.addoption(
        "--properties", action="store_true", help="print the property table; a due row without a test fails"
    )


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether the whole number of examples is wanted."""
    return bool(pytestconfig.getoption("full"))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabHost:
    """The lab host, whatever state it is in; most tests want `lab_host`."""
    subprocess.run([LAB / "host", "up", HOST_NAME, "systemd26"], check=True)
    return LabHost.at(HOST_NAME, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def lab_host(lab: LabHost) -> LabHost:
    """A host with nothing deployed: emptied before each module that asks for it. Images stay, to save sending them."""
    lab.clean()
    return lab


@pytest.fixture(scope="module")
def checkout(lab_host: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clean clone of the working tree, with a .env for the lab host."""
    clone = Checkout.clone(tmp_path_factory.mktemp("checkout") / "community-deploy", lab_host)
    clone.write_env()
    return clone


@pytest.fixture(scope="module")
def fab(checkout: Checkout) -> Fab:
    """Run fab in the checkout: fab("deploy") is `fab -H test deploy`, checked; see Checkout.fab."""
    return checkout.fab


@pytest.fixture(scope="module")
def deployed(checkout: Checkout, lab_host: LabHost) -> LabHost:
    """The lab host with the sample application deployed by the checkout."""
    print(checkout.fab("deploy").stdout)
    return lab_host


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What needs the engine is marked by where it is, so that --fast can leave it out; `full` tests run with --full."""
    for item in items:
        if {"live", "properties"} & set(item.path.relative_to(ROOT).parts[:2]):
            item.add_marker(pytest.mark.live)
        if "lab" in getattr(item, "fixturenames", ()) and lane(item.nodeid) != "lab host":
            raise pytest.UsageError(f"{item.nodeid} asks for the lab host: ON_THE_LAB_HOST in tests/conftest.py")
    if not config.getoption("full"):
        left_out = [item for item in items if item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


class Lanes(LoadScopeScheduling):  # type: ignore[misc] # has no types
    """What shares a host stays together; pytest-xdist's own way (xdist_group) is silently lost with pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return lane(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Lanes:
    """Under `-n 2`: one lane is the lab host's."""
    return Lanes(config, log)


def lane(nodeid: str) -> str:
    """Name what a test shares with others: the lab host, the stack, hosts of its module, or nothing."""
    file = Path(nodeid.partition("::")[0])
    if file.parent.name == "live":
        return file.stem if file.stem in HOSTS_OF_THEIR_OWN else "lab host"
    if file.parent.name == "properties":
        return "lab host" if file.stem in ON_THE_LAB_HOST else "stack"
    return nodeid


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down what each tagged test said; under --properties a due row that is not shown fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or session.config.option.collectonly:
        return
    table.remember(reporter.stats)
    if session.config.getoption("properties") and table.faults() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The property table, before pytest's closing line."""
    if config.getoption("properties"):
        terminalreporter.section("properties")
        terminalreporter.write_line(table.render())
