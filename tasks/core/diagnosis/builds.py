"""What makes a build fail, seen in the builder's output."""

from __future__ import annotations

from tasks.core.diagnosis.entry import Diagnosis

_CERTIFICATE = (
    r"UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT|self-signed certificate"
    r"|unable to get local issuer certificate|certificate signed by unknown authority"
)
_UNREACHABLE = r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT"

BUILD = (
    Diagnosis(
        r"no space left on device|ENOSPC",
        "there is no space left on this machine",
        "`df -h`, and `docker system df` for what images and the build cache take",
        "free space: docker builder prune, docker image prune; then try again",
    ),
    Diagnosis(
        r"binaries\.prisma\.sh",
        "Prisma's engine could not be downloaded from binaries.prisma.sh",
        "whether the build may reach that server; behind a proxy with its own certificate: BUILD_CA_FILE",
        "use the engine as Wasm, which npm has: docs/application.md, “Where Prisma's engine cannot be downloaded”",
    ),
    Diagnosis(
        _CERTIFICATE,
        "a server's certificate is signed by an authority that the build does not know",
        "whether a proxy or a registry of your own signs with a private authority",
        "set BUILD_CA_FILE to the file with that authority's certificate (PEM); it does not go into any image",
    ),
    Diagnosis(
        r"code EUSAGE|npm ci. can only install packages when",
        "the lock file does not fit package.json",
        "by `git status` whether package.json was changed and package-lock.json was not",
        "run `npm install --package-lock-only` where package.json lies, and commit the lock file",
    ),
    Diagnosis(
        rf"npm (?:error|ERR!).*(?:{_UNREACHABLE})",
        "the npm registry cannot be reached from the build",
        'the network, and the proxy of Docker\'s builds ("proxies" in ~/.docker/config.json)',
        "for another registry write `registry=…` into .npmrc beside package.json: it goes into the build",
    ),
    Diagnosis(
        r"failed to resolve source metadata|pull access denied|manifest unknown|failed to resolve reference"
        r"|manifest for .* not found|lookup registry\S*",
        "a base image cannot be pulled",
        "whether the name is right and this machine reaches its registry",
        "pull it where there is a network; without one, bring it by docker save and docker load",
    ),
)
"""What makes a build fail, seen in the builder's output."""
