"""How a backup is copied away: a command that works as it is typed."""

import shlex

import pytest

from tasks.core.backups import fetch_command

DUMP = "/opt/community-tracker/backups/20260101T000000Z-x.dump"
CASES = {
    "an alias": ("web1", "root", f"scp web1:{DUMP} ."),
    "user and port": ("root@web1:2222", "root", f"scp -P 2222 root@web1:{DUMP} ."),
    "the directory's owner": ("deploy@web1", "deploy", f"scp deploy@web1:{DUMP} ."),
    "an IPv6 address": ("root@2001:db8::1", "root", f"scp 'root@[2001:db8::1]:{DUMP}' ."),
    "with a file of ssh's": (
        "root@web1:2222 -S lab.conf -i key", "root", f"scp -F lab.conf -i key -P 2222 root@web1:{DUMP} .",
    ),
    "by sudo with one": (
        "anna@web1 -S lab.conf", "anna", f"ssh -F lab.conf anna@web1 'sudo cat {DUMP}' >20260101T000000Z-x.dump",
    ),
    "by sudo": ("anna@web1:2222", "anna", f"ssh -p 2222 anna@web1 'sudo cat {DUMP}' >20260101T000000Z-x.dump"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_command(name: str) -> None:
    target, user, command = CASES[name]
    assert fetch_command(target, DUMP, user=user, owner="deploy") == command


def test_a_path_with_spaces_is_one_word_on_both_sides() -> None:
    path = "/srv/club site/backups/x y.dump"
    assert shlex.split(fetch_command("web1", path, user="root", owner="root"))[1] == f"web1:{path}"
    words = shlex.split(fetch_command("web1", path, user="anna", owner="root"))
    assert shlex.split(words[2]) == ["sudo", "cat", path]
