"""The regimes whose insured may open a record alone, online: the general regime and those attached to it.

Source: the first two digits of an organism's code ("code grand régime" of SESAM-Vitale). 91 to 99 are the mutuals that
manage the general regime for their members: teachers, the police, hospitals, local services, and until 2019 students.
"""

from types import MappingProxyType
from typing import Final

ONLINE_REGIMES: Final = MappingProxyType(
    {
        "01": "régime général",
        "91": "mutuelle générale de l’éducation nationale",
        "92": "autre mutuelle rattachée",
        "93": "mutuelle générale de la police",
        "94": "mutuelles étudiantes et autres mutuelles rattachées",
        "95": "mutuelle nationale des hospitaliers",
        "96": "autre mutuelle rattachée",
        "99": "autres mutuelles rattachées",
    }
)
"""The name of each regime by code."""
