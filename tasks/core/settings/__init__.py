"""The settings: their schema, the files they are read from, their faults, and what of them is in effect.

`schema` joins the groups (`network`, `volumes`, `environment`, `security`, `deployment`), each a list of fields with
the `rules` for their values; `reading` takes them from `files`, the environment and the command line; `effective` is
what `check-config` shows; `release` is what travels to a host; `docs` writes `env.example` and `docs/settings.md`.
"""

from tasks.core.faults import Fault, refuse
from tasks.core.settings.before import Wanted, refuse_all_faults
from tasks.core.settings.commands import COMMAND_SECONDS, CommandResult, RunLine, run_none
from tasks.core.settings.compose_files import composed_files
from tasks.core.settings.docs import env_example, new_env_file, settings_page
from tasks.core.settings.effective import EffectiveConfiguration, build_inputs, effective_configuration
from tasks.core.settings.files import EnvFile, parse_env_text, read_env_file
from tasks.core.settings.reading import (
    Reading,
    load_settings,
    missing_paths,
    not_there_yet,
    read_settings,
    value_faults,
)
from tasks.core.settings.release import release_environment
from tasks.core.settings.schema import GROUPS, SETTINGS, Setting, Settings

__all__ = [
    "COMMAND_SECONDS",
    "GROUPS",
    "SETTINGS",
    "CommandResult",
    "EffectiveConfiguration",
    "EnvFile",
    "Fault",
    "Reading",
    "RunLine",
    "Setting",
    "Settings",
    "Wanted",
    "build_inputs",
    "composed_files",
    "effective_configuration",
    "env_example",
    "load_settings",
    "missing_paths",
    "new_env_file",
    "not_there_yet",
    "parse_env_text",
    "read_env_file",
    "read_settings",
    "refuse",
    "refuse_all_faults",
    "release_environment",
    "run_none",
    "settings_page",
    "value_faults",
]
