"""The refusal of the demonstration's sign-in outside of a demonstration."""

from dataclasses import dataclass

from shared.errors import ForbiddenError


class SignInRefusedError(ForbiddenError):
    """The direct sign-in is for demonstrations. It is switched off here, or your request does not come from this
    machine."""

    code = "sign-in-refused"
    french = (
        "La connexion directe sert aux démonstrations : elle est éteinte ici, ou vous n’êtes pas sur cette machine."
    )


@dataclass(frozen=True, slots=True)
class DemoRules:
    """The parameters of a demonstration. `is_sign_in_enabled`: whether the direct sign-in is switched on."""

    is_sign_in_enabled: bool = False
