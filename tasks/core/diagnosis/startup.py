"""What makes an activation fail: what the host says of the step and the containers, and what these have written.

A signature is looked for in a line `STEP/SERVICE: REASON`, the last answer, then `SERVICE| LINE` of each log shown.
"""

from __future__ import annotations

from tasks.core.diagnosis.entry import Diagnosis

_DATA = "the database's data, and the release that served"
_OLD = "the release that served goes on serving; data and volumes were not touched"
_LOGS = "fab -H HOST logs --service"

PLATFORM = (
    Diagnosis(
        r"no space left on device|ENOSPC|no space left on the file system|too little space for a dump",
        "a file system of the host is full, of blocks or of inodes",
        "on the host: df -h; df -i; docker system df",
        "fab -H HOST prune frees what no kept release needs; docker image prune what others left",
        _DATA,
        "Data Volume Issues: Disk space exhausted",
    ),
    Diagnosis(
        r"PANIC: |invalid page in block|could not read block|could not locate a valid checkpoint|incorrect checksum"
        r"|initialized with PG_CONTROL_VERSION 0|could not open file .*pg_wal",
        "the database's files are damaged",
        "the host's disk and its kernel log (dmesg), then a copy of the data directory before anything else",
        "fab -H HOST backup --list, then fab -H HOST restore of the last good one, into a repaired volume",
        "the data as it was found: nothing was written to it",
        "Data Volume Issues: Corruption detected",
    ),
    Diagnosis(
        r"could not create any Unix-domain sockets|could not create lock file .*\.s\.PGSQL"
        r"|could not set permissions of .*\.s\.PGSQL",
        "the database cannot make its socket: the socket volume belongs to somebody else",
        "on the host: owner and mode of the socket volume's directory (docker volume inspect)",
        "fab -H HOST down; on the host remove the socket volume (it holds no data); fab -H HOST up makes it anew",
        _DATA,
        "Database Container Failures: Socket creation failure",
    ),
    Diagnosis(
        r"Peer authentication failed|no pg_hba\.conf entry|pg_hba\.conf rejects",
        "the database does not know the operating system's user that asks: peer authentication maps it to a role",
        "POSTGRES_USER and API_USER_UID against containers/database/pg_hba.conf and docs/security.md",
        "set back what was changed, then fab -H HOST deploy",
        _DATA,
        "Database Container Failures: Peer authentication configuration errors",
    ),
    Diagnosis(
        r"the data volume .* (?:is missing|is empty|holds another database)",
        "the data volume is not the one that this host had",
        "on the host: docker volume ls; docker volume inspect",
        "bring the volume back, or fab -H HOST restore a dump; fab -H HOST backup --list names them",
        "whatever is in the volume, and the backups",
        "Database Container Failures: Data volume mount failures",
    ),
    Diagnosis(
        r"must exist and belong to user|on the data volume .*could not|data directory .*has wrong ownership"
        r"|refused: the data volume, or something in it, belongs to another user|the data is there, but belongs to",
        "the data volume is there, and its files are not the database server's",
        "on the host: owner and mode of the volume's directory, and DATA_PATH",
        "give the directory to the user that the message names, then fab -H HOST up",
        _DATA,
        "Data Volume Issues: Mount failures",
    ),
    Diagnosis(
        r"bind source path does not exist|error while mounting volume|failed to mount local (?:storage|volume)",
        "a volume or a directory that a container mounts is not there, or its driver cannot mount it",
        "on the host: docker volume inspect, and whether the disk behind it is mounted",
        "mount it, then fab -H HOST up; a socket volume may be removed, and up makes it anew",
        _OLD,
        "Socket Volume Issues: Mount failures",
    ),
    Diagnosis(
        r"cannot load certificate|PEM_read_bio|key values mismatch|certs/\S+ is missing or unreadable",
        "the edge cannot load its certificate or key",
        "fab check-config reads the files of CERT_PATH and names what is wrong with them",
        "mend the files, then fab -H HOST deploy",
        _OLD,
        "Web Frontend Container Failures: Certificate loading errors",
    ),
    Diagnosis(
        r"port is already allocated|address already in use|EADDRINUSE|port \d+ is taken by",
        "another process listens on the port",
        "fab -H HOST doctor names who; on the host: ss -ltnp",
        "stop it, or set HTTP_PORT or HTTPS_PORT to a free one, then fab -H HOST deploy",
        _OLD,
        "Web Frontend Container Failures: Port binding conflicts",
    ),
    Diagnosis(
        r"^[a-z]*/database: not ready within",
        "the database did not become ready in time: a long recovery, a slow disk, or a start that hangs",
        _LOGS + " database",
        "if it only needs longer: fab -H HOST deploy --set HEALTH_TIMEOUT=600",
        _DATA,
        "Timeout Handling: Database health check timeout",
    ),
)
"""Database, edge, volumes and disks."""

APPLICATION = (
    Diagnosis(
        r"^[a-z]+/[a-z]*: .*used more memory than its limit",
        "the container was killed at its memory limit",
        "what it needs (docker stats on the host) against BACKEND_MEMORY, FRONTEND_MEMORY and the like",
        "raise the limit in .env, then fab -H HOST deploy",
        _OLD,
    ),
    Diagnosis(
        r"ENOENT.*\.s\.PGSQL|\.s\.PGSQL.*No such file|\"database\":\"down\",\"error\":\"ENOENT\"",
        "there is no database socket where the backend looks for it",
        "fab -H HOST status: whether the database runs; DATABASE_URL is ours and not to be set",
        "fab -H HOST up starts the database again, and puts the socket volume right",
        _DATA,
        "Socket Volume Issues: Socket file missing",
    ),
    Diagnosis(
        r"EACCES.*\.s\.PGSQL|\.s\.PGSQL.*Permission denied|\"database\":\"down\",\"error\":\"EACCES\"",
        "the backend may not use the database's socket: it is for the group API_USER_GID, mode 0770",
        "API_USER_UID, API_USER_GID and SOCKET_PERMISSIONS; on the host: ls -ln of the socket volume's directory",
        "set back what was changed, then fab -H HOST deploy; down and up make the socket volume anew",
        _DATA,
        "Socket Volume Issues: Permission denied",
    ),
    Diagnosis(
        r"permission denied for (?:table|schema|database|sequence|relation)|role \S+ does not exist|must be owner of",
        "the database lets the backend in, and its role lacks a right",
        "whether API_USER_UID and API_USER_GID are those of the first deployment, and who owns the tables",
        "set back what was changed, or grant it to the role, then fab -H HOST deploy",
        _DATA,
        "Backend API Container Failures: User permission errors",
    ),
    Diagnosis(
        r"ECONNREFUSED.*\.s\.PGSQL|\.s\.PGSQL.*Connection refused|\"database\":\"down\",\"error\":\"ECONNREFUSED\""
        r"|P1001|Can't reach database server|Server has closed the connection",
        "the backend finds the socket, and the database does not answer there",
        "fab -H HOST status, and " + _LOGS + " database",
        "fab -H HOST up starts the database again",
        _DATA,
        "Backend API Container Failures: Socket connection failures",
    ),
    Diagnosis(
        r"PrismaClient\w*Error|PrismaConfig\w*Error|\bP10\d\d\b|\bP[23]0\d\d\b|Error validating datasource"
        r"|Invalid URL|prisma:error|(?:backend|migrate)\| .*\bprisma\b.*error",
        "Prisma, in the application, could not work with its database or its settings",
        "the lines above; DATABASE_URL comes from the deployment, with host=/var/run/postgresql",
        "mend the application, or take DATABASE_URL out of your .env, then fab -H HOST deploy",
        _DATA,
        "Backend API Container Failures: Prisma client errors",
    ),
    Diagnosis(
        r"assets could not be put|directory index of .* is forbidden|/index\.html\" (?:is not found|failed)"
        r"|rewrite or internal redirection cycle",
        "the frontend has no page, or its assets could not be stored beside the old ones",
        "that `npm run build` writes dist/index.html; on the host: df -h",
        "mend the build, then fab build and fab -H HOST deploy",
        _OLD,
        "Web Frontend Container Failures: Static asset missing",
    ),
    Diagnosis(
        r"failures in a row after it had answered",
        "it came up, and then failed as often in a row as HEALTH_RETRIES allows",
        "the lines above: what it did between its first answer and the failures",
        "mend it, then fab -H HOST deploy; HEALTH_RETRIES in .env allows more",
        _OLD,
        "Persistent Failures: Failure threshold",
    ),
    Diagnosis(
        r"^[a-z]+/backend: not healthy within",
        "the backend's /health gave no 2xx in time: it needs the database, or longer",
        "the lines above, fab -H HOST plan for what has changed, and that it listens on HOST and PORT",
        "if it only needs longer: fab -H HOST deploy --set HEALTH_TIMEOUT=600",
        _OLD,
        "Timeout Handling: Backend API timeout",
    ),
    Diagnosis(
        r"^[a-z]+/(?:frontend: not healthy|edge: not ready) within",
        "the frontend did not give its page in time",
        "the lines above: the page itself, and whether the backend behind it answers",
        "mend it, then fab -H HOST deploy; for longer: --set HEALTH_TIMEOUT=600",
        _OLD,
        "Timeout Handling: Frontend timeout",
    ),
    Diagnosis(
        r"the new edge does not answer with release",
        "the new edge runs, and does not pass on to the release that serves; the one that serves does",
        "containers/edge (slot.conf) and NGINX_IMAGE: what differs from the image before",
        "mend it, then fab -H HOST deploy",
        "the edge that serves: the new one was tried beside it, and removed",
    ),
    Diagnosis(
        r"the published port does not answer with release",
        "the release was healthy, and its port did not answer with it, asked again and again at growing intervals",
        "fab -H HOST doctor: who listens on the port; " + _LOGS + " edge",
        "fab -H HOST up starts the edge again; then fab -H HOST deploy",
        _OLD,
        "Persistent Failures: Retry logic",
    ),
    Diagnosis(
        r"(?:is missing a value|variable is not set|invalid interpolation format)",
        "a variable that a compose file needs has no value",
        "the name in the message, in .env; fab check-config lists all of them",
        "set it, then fab -H HOST deploy",
        "everything: no container was started",
        "Configuration Errors: Environment variable errors",
    ),
    Diagnosis(
        r"is missing or not whole|No such image|pull access denied",
        "an image of the release is not on the host any more",
        "on the host: docker images",
        "fab -H HOST ship-images sends it again, then fab -H HOST up",
        _OLD,
    ),
    Diagnosis(
        r"^migrate/",
        "a migration did not come to its end; what it has changed until then may be there",
        "the lines above; fab -H HOST plan names the pending ones",
        "mend the migration, then fab -H HOST deploy; fab -H HOST backup --list names the dump made before it",
        "the release that served goes on serving; the dump that was made before",
    ),
    Diagnosis(
        r"^[a-z]+/[a-z]*: its container ended",
        "the program stopped at its start",
        "the lines above; often a variable that .env lacks",
        "mend it, then fab -H HOST deploy",
        _OLD,
    ),
    Diagnosis(
        r"could not be captured",
        "the engine did not give state or log of a container: it is overloaded, or its log driver keeps none",
        "on the host: docker ps -a; journalctl -u docker",
        "fab -H HOST doctor; then fab -H HOST deploy tries again",
        _OLD,
        "Persistent Failures: Diagnostic capture",
    ),
)
"""Backend, frontend, migrations, and what any of them may have."""

ACTIVATION = (*PLATFORM, *APPLICATION)
