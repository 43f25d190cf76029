"""The channels through which a record is opened, and who may use which.

Code de la santé publique R1111-26 to R1111-32: by the person alone; with the help of a professional, an agent of the
health insurance or a care home; or automatically unless the person objects.
"""

from dataclasses import dataclass
from typing import Final

from services.identity.directory.domain.kinds import ASSIST, CREATION
from services.identity.people.domain.new_person import OpeningChannel
from shared.contracts.base import ActorKind
from shared.errors import ForbiddenError, InvalidError
from shared.terminology.professions import profession

ASSISTED: Final[tuple[OpeningChannel, ...]] = (
    "pharmacist",
    "doctor",
    "nurse",
    "other-professional",
    "hospital",
    "cpam-agent",
    "care-home",
)
_BY_PROFESSION: Final[dict[str, OpeningChannel]] = {
    "G15_10": "doctor",
    "G15_21": "pharmacist",
    "G15_60": "nurse",
    "G15_69": "nurse",
}
_BY_KIND: Final[dict[tuple[ActorKind, str], tuple[OpeningChannel, ...]]] = {
    ("software", ASSIST): ("hospital", "care-home"),
    ("administrator", ASSIST): ("cpam-agent",),
    ("software", CREATION): ("hospital", "care-home"),
    ("administrator", CREATION): ("hospital", "cpam-agent", "care-home"),
}
"""The channels that software and administrators may state, per scope. The first one is the default."""


class ChannelUnknownError(InvalidError):
    """You cannot open a record through this channel. Omit it, or state one that your token allows."""

    code = "channel-unknown"
    french = (
        "Vous ne pouvez pas ouvrir de dossier par cette voie. Ne l’indiquez pas, ou indiquez-en une que permet votre "
        "jeton."
    )


class AssistanceRefusedError(ForbiddenError):
    """Opening with the person's card is for health professionals; software and agents need the scope records.assist."""

    code = "assistance-refused"
    french = (
        "L’ouverture avec la carte de la personne est réservée aux professionnels de santé ; un logiciel ou un agent a "
        "besoin de la portée records.assist."
    )


@dataclass(frozen=True, slots=True)
class OpeningCaller:
    """The attributes of the caller on which the channel depends. `profession` is `G15_10` or `10`."""

    kind: ActorKind
    scopes: frozenset[str]
    profession: str | None = None


def assisted_channel(caller: OpeningCaller, stated: str | None) -> OpeningChannel:
    """Returns the channel of an assisted opening. Raises AssistanceRefusedError, ChannelUnknownError."""
    allowed = _professional_channels(caller.profession) if caller.kind == "professional" else _software_channels(caller)
    if not allowed:
        raise AssistanceRefusedError
    return _select_channel(allowed, stated)


def administrative_channel(caller: OpeningCaller, stated: str | None) -> OpeningChannel:
    """Returns the channel of an opening under the scope records.open. Raises ChannelUnknownError."""
    return _select_channel(_BY_KIND.get((caller.kind, CREATION), ("hospital",)), stated)


def _software_channels(caller: OpeningCaller) -> tuple[OpeningChannel, ...]:
    return _BY_KIND.get((caller.kind, ASSIST), ()) if ASSIST in caller.scopes else ()


def _professional_channels(code: str | None) -> tuple[OpeningChannel, ...]:
    if code is None:
        return ()
    full = code if "_" in code else f"G15_{code}"
    if full in _BY_PROFESSION:
        return (_BY_PROFESSION[full],)
    table, _, number = full.partition("_")
    return ("other-professional",) if table == "G15" and profession(number) is not None else ()


def _select_channel(allowed: tuple[OpeningChannel, ...], stated: str | None) -> OpeningChannel:
    if stated is None:
        return allowed[0]
    for channel in allowed:
        if channel == stated:
            return channel
    raise ChannelUnknownError
