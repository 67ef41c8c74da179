"""How a host was named on the command line, in the words of fab, ssh and scp, for commands to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from tasks.core.commands import quote

_AS_SSH = {"-S": "-F", "-i": "-i"}
"""Options of fab that ssh and scp have too; each has a value."""


@dataclass(frozen=True)
class Login:
    """A host as it was typed after -H; `options` lead there, as ssh and scp spell them."""

    user: str
    host: str
    port: str
    options: tuple[str, ...]

    @property
    def at_host(self) -> str:
        """Give the user and the name: never the address, for which ssh's own configuration has nothing."""
        return f"{self.user}@{self.host}" if self.user else self.host

    def ssh(self, *words: str) -> str:
        """Write a command of ssh; `words` are its further options."""
        port = ("-p", self.port) if self.port else ()
        return " ".join(map(word, ("ssh", *words, *self.options, *port, self.at_host)))


def target_of(host: str, options: Iterable[str]) -> str:
    """Write what stands after `fab -H` in a command to type: the host, and the options that lead there."""
    return " ".join(map(word, (host, *options)))


def login_of(target: str) -> Login:
    """Read what stands after `fab -H` in a command to type."""
    typed, *words = shlex.split(target)
    user, _, bare = typed.rpartition("@")
    host, _, port = bare.partition(":") if bare.count(":") == 1 else (bare, "", "")
    pairs = [(_AS_SSH[one], value) for one, value in pairwise(words) if one in _AS_SSH]
    return Login(user, host, port, tuple(each for pair in pairs for each in pair))


def host_of(target: str) -> str:
    """Give the host alone, as it was typed."""
    return shlex.split(target)[0]


def word(text: str) -> str:
    """Quote where a shell needs it."""
    return text if re.fullmatch(r"[A-Za-z0-9/.:_@%+-]+", text) else quote(text)
