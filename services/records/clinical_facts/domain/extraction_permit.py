"""The permission to read contents in order to extract their facts, which no caller of an API can have."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExtractionPermit:
    """What reading contents for extraction asks for, as reading them for a caller asks for a `Permit` of the rules.

    `steps.extraction` alone makes one, and no API imports that module, which a test and an import contract hold.
    """
