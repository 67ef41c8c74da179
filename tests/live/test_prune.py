"""What is forgotten with a release, and what stays for pages that are open."""

import re
import urllib.error
import urllib.request

import pytest

from tests.checkout import Checkout
from tests.labhost import LabHost

pytestmark = pytest.mark.timeout(1500)


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the lab's own address
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def script(host: LabHost) -> str:
    """The address of the served page's script, whose name carries a hash."""
    found = re.search(r'src="(/assets/[^"]+)"', get(host.url)[1])
    assert found
    return host.url + found[1]


def test_open_pages_keep_their_assets_until_their_release_is_forgotten(checkout: Checkout, lab_host: LabHost) -> None:
    """Three releases, two kept: the scripts of the kept ones are served, the first one's is gone, and so is its list.

    Turned red by: no call of assets_prune in prune (scripts/host/prune.sh).
    """
    checkout.write_env(KEEP_RELEASES="2")
    scripts = []
    for edition in ("one", "two"):
        checkout.change_page(edition)
        checkout.fab("deploy")
        scripts.append(script(lab_host))
    assert [get(each)[0] for each in scripts] == [200, 200]
    checkout.change_page("three")
    checkout.fab("deploy")
    scripts.append(script(lab_host))
    assert len(set(scripts)) == 3
    assert [get(each)[0] for each in scripts] == [404, 200, 200]
    assert len(lab_host.run("ls /opt/community-tracker/cache/assets").split()) == 2
    checkout.fab("rollback")
    assert [get(each)[0] for each in scripts] == [404, 200, 200]
