"""What makes a deployment fail before anything is started: settings, connection, installation, transfer."""

from __future__ import annotations

from tasks.core.diagnosis.entry import Diagnosis

_NOTHING = "everything: nothing on the host was changed"
_IMAGES = "the images and the release that served"

CONNECTION = (
    Diagnosis(
        r"no answer within \d+ s|was not answered within|the connection was refused: nothing listens",
        "the host cannot be reached, or its SSH service does not run",
        "the address, the firewall, and sshd on the host",
        "fab -H HOST doctor, once ssh HOST works",
        _NOTHING,
        "SSH Connection Failures: Connection timeout",
    ),
    Diagnosis(
        r"the login was refused|no key and no agent|private key has a passphrase",
        "the host does not accept the key that was offered, or none was",
        "ssh-add -l, the modes of ~/.ssh (700) and its keys (600), and authorized_keys on the host",
        "ssh-copy-id USER@HOST; then fab -H HOST doctor",
        _NOTHING,
        "SSH Connection Failures: Authentication failure",
    ),
    Diagnosis(
        r"its host key has changed|is unknown, and SSH_HOST_KEYS is strict",
        "the host shows another key than the known one, or an unknown one under SSH_HOST_KEYS=strict",
        "whether the host was made anew; compare the SHA256 with the host's own",
        "take the old key away (ssh-keygen -R), then fab -H HOST doctor",
        _NOTHING,
        "SSH Connection Failures: Host key verification",
    ),
)

INSTALLATION = (
    Diagnosis(
        r"(?:found|is not installed), \S+ required",
        "Docker or Compose on the host is older than the minimum",
        "fab -H HOST doctor shows found against required",
        "upgrade it on the host; where it is missing: fab -H HOST install-docker",
        _NOTHING,
        "Dependency Installation Failures: Version incompatibility",
    ),
    Diagnosis(
        r"may not install it|neither root nor allowed|neither root, nor allowed",
        "the user on the host may neither install Docker nor speak to it",
        "sudo -n true, as that user on the host",
        "allow it sudo without a password, then fab -H HOST install-docker",
        _NOTHING,
        "Dependency Installation Failures: Permission errors",
    ),
    Diagnosis(
        r"(?:installing|adding|starting) .* on \S+ failed|Unable to fetch|Failed to fetch|Unable to locate package",
        "the host's package manager could not bring Docker",
        "the lines above, and whether the host reaches its package server",
        "mend that, then fab -H HOST install-docker; or install by hand what the message names",
        "what was there before: what this installation brought was removed again",
        "Dependency Installation Failures: Docker installation failure",
    ),
)

TRANSFER = (
    Diagnosis(
        r"other layers on \S+ than here|mismatch=",
        "what arrived is not what was sent",
        "the host's disk, and Docker's log there (journalctl -u docker)",
        "fab -H HOST ship-images sends it whole",
        _IMAGES,
        "Image Build/Transfer Failures: Image corruption",
    ),
    Diagnosis(
        r"too little disk on|the connection to .* was lost during load|lost during receive",
        "the images did not all arrive: the line broke, or the host's disk is full",
        "the network, and on the host: df -h; docker system df",
        "free space (fab -H HOST prune), then fab -H HOST ship-images goes on with what is missing",
        _IMAGES,
        "Image Build/Transfer Failures: Transfer failures",
    ),
    Diagnosis(
        r"building the \S+ image failed",
        "a step of the Dockerfile failed",
        "the lines above; the whole output is in .deploy/",
        "mend it, then fab build",
        _IMAGES,
        "Image Build/Transfer Failures: Build failures",
    ),
)

CONFIGURATION = (
    Diagnosis(
        r"^CERT_PATH.*: ",
        "a certificate or its key cannot be used",
        "the file and the reason in the message; openssl x509 -noout -text -in FILE",
        "bring a valid pair, then fab check-config",
        "everything: nothing was contacted",
        "Configuration Errors: Invalid certificate files",
    ),
    Diagnosis(
        r"faults? in the (?:settings|application's sources)",
        "settings are missing, malformed or misspelt",
        "each line of the message: key, fault, accepted form",
        "correct them, then fab check-config",
        "everything: nothing was contacted",
        "Configuration Errors: Missing required values",
    ),
)
