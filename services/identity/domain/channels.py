"""By which way a record may open, and who may use which way.

Code de la santé publique R1111-26 to R1111-32: the person alone, with the help of a professional, an agent of the
health insurance or a care home, or for everyone unless refused.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from services.identity.domain.kinds import ASSIST, CREATION
from shared.contracts.base import ActorKind
from shared.errors import ForbiddenError, InvalidError
from shared.terminology.professions import profession

OpeningChannel = Literal[
    "online",
    "pharmacist",
    "doctor",
    "nurse",
    "other-professional",
    "hospital",
    "cpam-agent",
    "care-home",
    "automatic",
    "representative",
]
OPENING_CHANNELS: Final[tuple[OpeningChannel, ...]] = get_args(OpeningChannel)
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
"""What software and administrators may state; the first is meant where nothing is stated."""


class ChannelUnknownError(InvalidError):
    """This is not a way by which you can open a record. Leave it out, or state one that your token allows."""

    code = "channel-unknown"
    french = (
        "Vous ne pouvez pas ouvrir de dossier par cette voie. Ne l’indiquez pas, ou indiquez-en une que permet votre "
        "jeton."
    )


class AssistanceRefusedError(ForbiddenError):
    """Health professionals open a record with the person's card; software and agents need the scope records.assist."""

    code = "assistance-refused"
    french = (
        "L’ouverture avec la carte de la personne est réservée aux professionnels de santé ; un logiciel ou un agent a "
        "besoin de la portée records.assist."
    )


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, as far as the way depends on it. `profession` is `G15_10` or `10`."""

    kind: ActorKind
    scopes: frozenset[str]
    profession: str | None = None


def assisted_channel(asking: Asking, stated: str | None) -> OpeningChannel:
    """The way of an opening with help. Raises AssistanceRefusedError, ChannelUnknownError."""
    allowed = _of_professional(asking.profession) if asking.kind == "professional" else _of_software(asking)
    if not allowed:
        raise AssistanceRefusedError
    return _chosen(allowed, stated)


def administrative_channel(asking: Asking, stated: str | None) -> OpeningChannel:
    """The way of an opening under the scope records.open. Raises ChannelUnknownError."""
    return _chosen(_BY_KIND.get((asking.kind, CREATION), ("hospital",)), stated)


def _of_software(asking: Asking) -> tuple[OpeningChannel, ...]:
    return _BY_KIND.get((asking.kind, ASSIST), ()) if ASSIST in asking.scopes else ()


def _of_professional(code: str | None) -> tuple[OpeningChannel, ...]:
    if code is None:
        return ()
    full = code if "_" in code else f"G15_{code}"
    if full in _BY_PROFESSION:
        return (_BY_PROFESSION[full],)
    table, _, number = full.partition("_")
    return ("other-professional",) if table == "G15" and profession(number) is not None else ()


def _chosen(allowed: tuple[OpeningChannel, ...], stated: str | None) -> OpeningChannel:
    if stated is None:
        return allowed[0]
    for channel in allowed:
        if channel == stated:
            return channel
    raise ChannelUnknownError
