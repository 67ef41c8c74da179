"""The host as it was typed, in commands of fab, ssh and scp that work as they are printed."""

import pytest

from tasks.core.logins import host_of, login_of, target_of

CASES = {
    "an alias": ("web1", (), "web1", "ssh -v web1"),
    "user and port": ("anna@web1:2222", (), "anna@web1:2222", "ssh -v -p 2222 anna@web1"),
    "an IPv6 address": ("anna@2001:db8::1", (), "anna@2001:db8::1", "ssh -v anna@2001:db8::1"),
    "a file and keys": (
        "web1", ("-S", "lab config", "-i", "a", "-i", "b"), "web1 -S 'lab config' -i a -i b",
        "ssh -v -F 'lab config' -i a -i b web1",
    ),
    "what ssh spells in another way": ("web1", ("-t", "5", "--prompt-for-passphrase"),
                                       "web1 -t 5 --prompt-for-passphrase", "ssh -v web1"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_was_typed_is_typed_again(name: str) -> None:
    host, options, target, ssh = CASES[name]
    assert target_of(host, options) == target
    assert login_of(target).ssh("-v") == ssh
    assert host_of(target) == host
