"""Finds the settings of a service by its name."""

from importlib import import_module

from shared.runtime.settings import ServiceSettings


def settings_class(service: str) -> type[ServiceSettings]:
    """Returns the class of a service's settings."""
    settings: type[ServiceSettings] = import_module(f"services.{service}.settings").Settings
    return settings
