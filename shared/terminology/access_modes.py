"""Access modes of a token: those of TRE_R248-ModeAcces, and the secret connection of a minor (CI-SIS)."""

from typing import Final, Literal

AccessMode = Literal["normal", "bris_de_glace", "centre_15", "secret"]
NORMAL: Final = "normal"
BREAK_GLASS: Final = "bris_de_glace"
REGULATION_CENTRE: Final = "centre_15"
SECRET: Final = "secret"  # noqa: S105  # an access mode
EMERGENCY_MODES: Final[frozenset[str]] = frozenset({BREAK_GLASS, REGULATION_CENTRE})
"""The modes in which a professional reads without the patient's authorisation (article L1111-17 I of the code de la
santé publique)."""
