"""The settings of notify, read from `NOTIFY_<SECTION>__<FIELD>`."""

from email.utils import parseaddr
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.crypto.keyring import Keyring
from shared.loopback import is_loopback
from shared.runtime.setting_types import KeyringText, check_pem_files
from shared.runtime.settings import CONNECTION_AGE, Section, ServiceSettings


def _address(text: str) -> str:
    name, address = parseaddr(text)
    if "@" not in address or not text.isascii() or any(character in text for character in "\r\n"):
        raise ValueError("an address such as no-reply@example.org, or `Name <no-reply@example.org>`")
    return f"{name} <{address}>" if name else address


class KeysSettings(Section):
    """`contacts`: the keyring that notify shares with identity, `kid:base64url-of-32-bytes[,...]`."""

    contacts: KeyringText


class SmtpSettings(Section):
    """The mail server that mails are delivered to. Its certificate and host name are verified wherever TLS is used."""

    host: str
    port: int = Field(ge=1, le=65535)
    sender: Annotated[str, AfterValidator(_address)]
    timeout_s: float = Field(default=10, gt=0, le=20, description="of one command; an attempt must end within a minute")
    security: Literal["none", "starttls", "tls"] | None = Field(
        default=None,
        description="starttls, tls (from the first byte) or none; needed for a server beyond this machine, else none",
    )
    ca_file: Path | None = Field(
        default=None, description="PEM file of authorities that certify the mail server; without it the system's"
    )
    username: str | None = None
    password: SecretStr | None = None
    connections: int = Field(
        default=4, ge=1, le=32, description="at most, for each queue of mails: emergencies, codes, alerts, notices"
    )

    max_connection_age_s: float = Field(default=3600, gt=0, description=CONNECTION_AGE)

    @property
    def uses_tls(self) -> bool:
        """Whether mails are handed over encrypted, to a server whose certificate is verified."""
        return self.security in ("starttls", "tls")

    @model_validator(mode="after")
    def _check_security(self) -> Self:
        """Raises ValueError if TLS is left open, or a password would be sent unencrypted beyond this machine."""
        beyond = not is_loopback(self.host)
        if beyond and self.security is None:
            raise ValueError(
                "SECURITY is needed for a mail server beyond this machine: starttls or tls, or none to send unencrypted"
            )
        if beyond and not self.uses_tls and self.password is not None:
            raise ValueError("PASSWORD is not sent unencrypted: SECURITY must be starttls or tls")
        if self.ca_file is not None and not self.uses_tls:
            raise ValueError("CA_FILE has no effect unless SECURITY is starttls or tls")
        check_pem_files(self.ca_file)
        return self


class PublicServiceSettings(Section):
    """The service as mails, SMS and letters name it, and where they send people who need help."""

    name: str = Field(
        min_length=2,
        max_length=30,
        pattern=r"^[^\x00-\x1f\x7f-\x9f<>{}@]+$",
        description="name of the service: signs mails and letters, and is the sender of mails unless SMTP__SENDER has "
        "a name",
    )
    sender_name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ]{1,10}$",
        description="begins each SMS: 2 to 11 letters, digits and blanks, as the sender of an SMS (3GPP TS 23.040)",
    )
    site: str = Field(
        max_length=40,
        pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+(/[A-Za-z0-9/_-]*)?$",
        description="site of the service, as people type it, without https://",
    )
    telephone: str = Field(
        max_length=17,
        pattern=r"^\+?[0-9]( ?[0-9]){2,14}$",
        description="telephone number of the service's help, as people read it",
    )


class AlertSettings(Section):
    """The gathering of alerts about new documents and consultations into one mail."""

    window_s: int = Field(
        default=900,
        ge=0,
        le=86400,
        description="how long after a mail about documents (or consultations) of a record further alerts wait, to be "
        "sent in one mail; 0: each is sent at once",
    )


class EmergencySettings(Section):
    """The follow-up of an emergency, sent once its session has ended."""

    follow_up_after_s: int = Field(
        default=3600, ge=0, le=86400, description="how long after the first access of the session"
    )


class FoldersSettings(Section):
    """The folders to which SMS and letters are written, an encrypted file each, for their gateway. They must exist."""

    sms: Path
    letters: Path


class GatewaysSettings(Section):
    """The gateways that take SMS and letters from the folders, and for which alone these are encrypted."""

    sms_certificate_file: Path = Field(
        description="PEM file of the certificate for which SMS are encrypted: an RSA key of 2,048 bits or more"
    )
    letters_certificate_file: Path = Field(
        description="PEM file of the certificate for which letters are encrypted: an RSA key of 2,048 bits or more"
    )


class Settings(ServiceSettings):
    """All settings of notify."""

    model_config = SettingsConfigDict(env_prefix="NOTIFY_", env_nested_delimiter="__", frozen=True, extra="ignore")
    keys: KeysSettings
    smtp: SmtpSettings
    folders: FoldersSettings
    gateways: GatewaysSettings
    service: PublicServiceSettings
    alerts: AlertSettings = AlertSettings()
    emergencies: EmergencySettings = EmergencySettings()

    @cached_property
    def contacts_keyring(self) -> Keyring:
        """The keyring that encrypts contacts. Raises KeyringError."""
        return Keyring.parse(self.keys.contacts.get_secret_value())
