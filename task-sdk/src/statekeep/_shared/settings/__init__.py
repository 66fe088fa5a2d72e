"""Typed settings: each option is described once, and everything else is derived from that description.

A distribution writes its options as `Option` attributes of `Section` classes. From them come parsing and
validation (`examine`), the rows of `statekeep config list` (`rows`) and the reference page
(`reference_page`). Values come from, strongest first: the command line, the environment, the file
`statekeep.toml`, the option's default.
"""

from .errors import Fault, SettingsError
from .examining import Examined, examine
from .kinds import (
    Boolean,
    Choice,
    ClassPath,
    Float,
    Integer,
    Kind,
    ListOf,
    Path,
    Seconds,
    Secret,
    String,
    Url,
    absolute_path,
    without_password,
)
from .listing import Row, rows
from .option import Computed, Option, Section
from .places import config_file, data_directory
from .reference import reference_page

__all__ = [
    "Boolean",
    "Choice",
    "ClassPath",
    "Computed",
    "Examined",
    "Fault",
    "Float",
    "Integer",
    "Kind",
    "ListOf",
    "Option",
    "Path",
    "Row",
    "Seconds",
    "Secret",
    "Section",
    "SettingsError",
    "String",
    "Url",
    "absolute_path",
    "config_file",
    "data_directory",
    "examine",
    "reference_page",
    "rows",
    "without_password",
]
