"""Write `env.example` and `docs/settings.md` from the schema."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from tasks.core.settings.commands import COMMAND_SECONDS
from tasks.core.settings.dialects import DIALECTS, Answer
from tasks.core.settings.names import ALL_MIB, ONE_KIB, SET_BY_US
from tasks.core.settings.schema import GROUPS, SETTINGS, Setting

_TITLES: dict[str, str] = {
    "network": "Network",
    "volumes": "Volumes: data, socket, certificates",
    "environment": "Environment of the application",
    "security": "Security",
    "deployment": "Deployment",
}

_GENERATED = "# GENERATED from tasks/core/settings/ by scripts/generate-docs.\n#\n"

_HEAD = """\
# Every setting, with its default. Take the # away in front of a line to change it.
# .env.<host> beside this file, in the same format, changes settings for one host.
# `fab check-config` shows what is in effect, and where each value comes from.
"""

_APPLICATION = """\
# ---- The application's own variables ----
#
# Every other name reaches the backend unchanged, and its value is shown nowhere. Keep this file at mode 0600.
# APP_FILES hands values over as files, APP_COMMANDS takes them from a password manager: docs/settings.md.
# Values with spaces, # or quotes go in quotes; nothing is interpolated: a $ is a $.
#
#SESSION_SECRET='write your own'
"""

_INTRODUCTION = """\
<!-- GENERATED from tasks/core/settings/ by scripts/generate-docs. -->
# Settings

`fab init` writes `.env` with every setting at its default; `fab check-config` shows what is in effect, and from where.
All faults are reported in one message, with the line they stand on, before anything is contacted (exit code 2).

## Where a value comes from

The first of these that has it:

1. the command line
2. `DEPLOY_<KEY>` in the environment, such as `DEPLOY_HTTP_PORT=8080`; a plain `HTTP_PORT` or `NODE_ENV` of your
   shell changes nothing
3. `.env.<host>`, where `<host>` is what `-H` was given, without user and port
4. `.env`
5. the default

A setting that must not be empty cannot be set to nothing; one that may be (`DATA_PATH=`) can be emptied for one host.

## The file

The format is python-dotenv's. In particular:

- `NAME=value`, one a line; `export NAME=value` is the same; lines that begin with `#` are comments.
- Without quotes a value ends at the end of the line, or before white space and `#`; white space around it is dropped
  (around a *setting* it is a fault: it is never meant).
- In single quotes `\\'` and `\\\\` stand for `'` and `\\`, all else for itself. In double quotes `\\n`, `\\t`, `\\"`,
  `\\\\` and the like work too. A quoted value may have several lines.
- **Nothing is interpolated.** `$`, `${NAME}` and `$(command)` are passed on as written, in every quoting.
- Files are UTF-8. A byte order mark is skipped; CRLF is read as LF.
- A name that stands twice in one file, a line without `=` and a quote that is not closed are faults.

Docker Compose (2.40) and python-dotenv read the same file alike, but for these; `X` is 1:

DIALECTS
A test has all three read thousands of random files, and knows no other difference. On the host neither is in between:
what we have read arrives as it is.

No setting may have a control character or one of `` ' " ` $ \\ # ; | & < > * ? ! { } [ ] ``.

## The application's own variables

Every name that is no setting belongs to the application and reaches the backend unchanged. The values are treated as
secrets: `check-config` lists the names only, and no message, log or image has a value.

- A name within two edits of a setting's (`HTP_PORT`) is refused
  until `APP_KEYS` lists it: `APP_KEYS=HTP_PORT`. Some that seldom mean what they do here (`HTTPS`, `CERT_DIR`,
  `POSTGRES_PASSWORD`, `PATH`) get a warning until then.
- @SET_BY_US@ are set by the deployment and refused in the file.
- One value has less than @ONE@ KiB, all of them together less than @ALL@ MiB: what an environment holds.
- A file with such values should have mode 0600 (`fab init` sees to it). Where others can read it, or it is another
  user's, there is a warning; where others can *change* it, it is refused.
- What a compose file in `compose/` refers to is *not* taken from here: a `${NAME}` there that no release defines is a
  fault, with its line, before anything is contacted.

### As a file

`APP_FILES=SMTP_PASSWORD,KEY` lists variables whose values are in no environment, where `docker inspect`, a crash report
or a child process would have them. The backend, and its migrations, find each as `/run/secrets/NAME`: byte for byte the
value, for the backend's user alone to read (0400, `API_USER_UID`), in a read-only mount; `NAME_FILE` has that path, as
many applications and images expect it. Together they may have @ALL@ MiB. A rollback brings back those of its release.

### From a command

`APP_COMMANDS=SMTP_PASSWORD` says that what the file has for `SMTP_PASSWORD` is a command line, such as a password
manager's:

```
SMTP_PASSWORD='pass show mail/production'
SESSION_SECRET='op read op://production/tracker/session'
APP_COMMANDS=SMTP_PASSWORD,SESSION_SECRET
```

The workstation's `sh` runs it in the checkout; what it prints, without one newline at the end, is the value. `build`,
`plan`, `ship-images`, `push-config` and `deploy` run each command once, before anything is contacted; no other task
does, `check-config` neither. A command that ends with another exit code than 0, prints nothing, or takes longer than
@WAIT@ s is a fault that names the variable and the exit code, and shows nothing of what it printed. It has no terminal
and no input: unlock the password manager before. A file with such lines that belongs to another user, or that others
can change, is refused.

With `.env` and `.env.<host>`, each file's `APP_COMMANDS` says what *its own* lines are, and the one in effect has to
agree: a host's file that sets `SMTP_PASSWORD` lists it as well (command line) or the list in effect does not have it
(value). Anything else is refused before it is run or passed on: a value is never run because the other file lists its
name, and a command line is never the value because the other file's list leaves it out.
"""


def env_example() -> str:
    """Write the text of `env.example`."""
    return _GENERATED + new_env_file()


def new_env_file() -> str:
    """Write the text of a new `.env`."""
    return _HEAD + "".join(_example_group(group) for group in GROUPS) + "\n" + _APPLICATION


def _example_group(group: str) -> str:
    return f"\n# ---- {_TITLES[group]} ----\n" + "".join(_example_lines(item) for item in _of(group))


def _example_lines(item: Setting) -> str:
    text = f"{item.about} Accepted: {item.form}."
    prose = textwrap.wrap(text, 116, break_long_words=False, break_on_hyphens=False)
    return "#\n" + "".join(f"# {line}\n" for line in prose) + f"#{item.key}={item.default}\n"


def settings_page() -> str:
    """Write the text of `docs/settings.md`."""
    text = _INTRODUCTION.replace("DIALECTS\n", _dialects())
    *names, last = (f"`{name}`" for name in SET_BY_US)
    written = {"SET_BY_US": f"{', '.join(names)} and {last}", "ONE": ONE_KIB, "ALL": ALL_MIB, "WAIT": COMMAND_SECONDS}
    for key, value in written.items():
        text = text.replace(f"@{key}@", str(value))
    return text + "".join(_table(group) for group in GROUPS)


def _dialects() -> str:
    head = "| written | such as | here | Docker Compose | python-dotenv |\n|---|---|---|---|---|\n"
    rows = ([row.name, _shown(row.example), *map(_answer, (row.ours, row.compose, row.dotenv))] for row in DIALECTS)
    return head + "".join(f"| {' | '.join(row)} |\n" for row in rows) + "\n"


def _answer(answer: str | Answer) -> str:
    return answer.value if isinstance(answer, Answer) else _shown(answer)


def _shown(text: str) -> str:
    """Write text as code of one line; what cannot be seen has the name that Unicode pictures it by."""
    for char, picture in (("\r", "␍"), ("\n", "␊"), ("\t", "␉")):
        text = text.replace(char, picture)
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}".replace("|", "\\|")


def _table(group: str) -> str:
    rows = "".join(
        f"| `{item.key}` | {_code(item.default)} | {_cell(item.about)} | {_cell(item.form)} | {_code(item.example)} |\n"
        for item in _of(group)
    )
    head = "| setting | default | what it is for | accepted | example |\n|---|---|---|---|---|\n"
    return f"\n## {_TITLES[group]}\n\n{head}{rows}"


def _of(group: str) -> Iterator[Setting]:
    return (item for item in SETTINGS.values() if item.group == group)


def _code(text: str) -> str:
    return f"`{text}`" if text else "empty"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
