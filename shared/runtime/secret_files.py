"""Settings out of files: the variable `<NAME>_FILE` names the file that holds the value of the variable `<NAME>`.

Kubernetes, Compose and systemd mount secrets as files; an environment is inherited by child processes and shown by
tools that inspect containers.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

SUFFIX = "_FILE"


class EnvironmentSettings(BaseSettings):
    """Settings from the environment, and from the files that its variables `<NAME>_FILE` name."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Returns the sources of values: the arguments, then the environment. Raises ValidationError."""
        environment = _Environment(settings_cls)
        environment.env_vars = read_secret_files(settings_cls, environment.env_prefix, environment.env_vars)
        return init_settings, environment


class _Environment(EnvSettingsSource):
    """Leaves what is no JSON to the validation, whose errors name the setting."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Returns the value of a list or section that is written as JSON, else the text itself."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def set_variable(name: str) -> str:
    """Returns the variable that an operator has set for a setting: its name, or its name with `_FILE`."""
    return name + SUFFIX if name + SUFFIX in os.environ else name


def read_secret_files(
    settings_class: type[BaseModel], prefix: str, variables: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Returns the variables with the contents of the files in place of the variables that name them.

    `variables` have lower-case names, as pydantic-settings gives them. A line end at the end of a file does not count.
    A setting whose own name ends in _FILE keeps the path that it names. Raises ValidationError for a file that cannot
    be used, and for a value that is set in both ways.
    """
    values, errors = dict(variables), []
    fields = dict(_fields(settings_class, ()))
    for name, path in fields.items():
        variable = prefix.lower() + name
        named = variable + SUFFIX.lower()
        if named not in variables or name + SUFFIX.lower() in fields:
            continue
        del values[named]
        try:
            if variable in variables:
                raise ValueError("the variable without _FILE is set too: one of the two must go")
            values[variable] = _content(variables[named])
        except (OSError, ValueError) as error:
            reason = f"the file cannot be read ({error.strerror})" if isinstance(error, OSError) else str(error)
            errors.append(InitErrorDetails(type=PydanticCustomError("secret_file", reason), loc=path, input=None))
    if errors:
        raise ValidationError.from_exception_data(settings_class.__name__, errors)
    return values


def _fields(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields the lower-case name of the variable of each setting, without the prefix, and the setting's path."""
    for name, field in model.model_fields.items():
        inner = (*path, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _fields(field.annotation, inner)
        else:
            yield "__".join(inner).lower(), inner


def _content(path: str | None) -> str:
    """Raises OSError; ValueError, which quotes nothing of the file."""
    try:
        text = Path(path or "").read_text("utf-8")
    except UnicodeDecodeError:
        raise ValueError("the file is not text in UTF-8") from None
    content = text.rstrip("\r\n")
    if not content:
        raise ValueError("the file is empty")
    return content
