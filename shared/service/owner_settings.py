"""The settings of a migration: the owner's connection string and the role of the service, no key and no broker."""

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, model_validator

from shared.runtime.secret_files import EnvironmentSettings
from shared.runtime.setting_types import Dsn
from shared.runtime.settings import Section, ServiceSettings


class OwnerPostgresSettings(Section):
    """The part of the section POSTGRES__ that a migration needs."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    owner_dsn: Dsn
    app_role: str | None = None
    dsn: Dsn | None = None

    @model_validator(mode="after")
    def _check_role(self) -> Self:
        """Raises ValueError if neither setting names the app role."""
        if not self.role:
            raise ValueError("APP_ROLE must name the role that runs the service, or DSN be its connection string")
        return self

    @property
    def role(self) -> str:
        """The role that runs the service, to which migrations grant; empty where no setting names it."""
        if self.app_role is not None or self.dsn is None:
            return self.app_role or ""
        return urlsplit(self.dsn.get_secret_value()).username or ""


class OwnerSettings(EnvironmentSettings):
    """The settings of a migration."""

    postgres: OwnerPostgresSettings
    log_level: Literal["INFO", "WARNING", "ERROR"] = Field(default="INFO")


def owner_settings_class(settings_class: type[ServiceSettings]) -> type[OwnerSettings]:
    """Returns the class that reads the settings of a service's migration, under the prefix of the service."""

    class ServiceOwnerSettings(OwnerSettings):
        """The settings of this service's migration."""

        model_config = settings_class.model_config

    return ServiceOwnerSettings
