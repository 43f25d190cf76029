"""The doses that a certificate states, and which of them a caller selects."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from shared.errors import InvalidError
from shared.terminology.vaccines import diseases_of
from shared.values import RedactedRepr

MOST_DOSES: Final = 12
"""Doses in one certificate, so that it stays one page."""


class NoDoseError(InvalidError):
    """No such dose can be certified: a dose needs a code, a day, and a document signed by a professional."""

    code = "no-certifiable-dose"
    french = (
        "Aucune dose de ce genre ne peut être attestée : il lui faut un code, un jour, et un document signé par un "
        "professionnel."
    )


class TooManyDosesError(InvalidError):
    """A certificate states 12 doses at most, and a picture what fits in one QR code: select fewer of them."""

    code = "too-many-doses"
    french = "Un certificat atteste 12 doses au plus, et une image ce qui tient dans un code QR : choisissez-en moins."


@dataclass(frozen=True, slots=True)
class VaccineCode:
    """A code of a vaccine and its FHIR system."""

    system: str
    code: str


@dataclass(frozen=True, slots=True, repr=False)
class PerformedDose(RedactedRepr):
    """A dose that was given to the holder on this day, in a document that a professional signed.

    `codes`: of the vaccine, as coded there, the document's own code first, never empty. `name`, `lot`, `performer`: as
    the document shows them.
    """

    fact_id: UUID
    document_id: UUID
    codes: tuple[VaccineCode, ...]
    day: date
    name: str | None = None
    lot: str | None = None
    performer: str | None = None

    @property
    def what(self) -> tuple[date, frozenset[str] | VaccineCode]:
        """The day, and the diseases or else the code: nobody gets a vaccine against the same diseases twice a day."""
        return self.day, self.diseases or self.codes[0]

    @property
    def diseases(self) -> frozenset[str]:
        """The diseases against which the vaccine protects; empty where its codes do not say."""
        return diseases_of((code.system, code.code) for code in self.codes)


@dataclass(frozen=True, slots=True, repr=False)
class Holder(RedactedRepr):
    """The person of a certificate, named as in the request and confirmed by the record. `birth_date`: YYYY-MM-DD."""

    birth_name: str
    given_name: str
    birth_date: str


@dataclass(frozen=True, slots=True)
class DoseSelection:
    """What a certificate is about: one disease, or these doses by the ids of their facts; one of both is set."""

    disease: str | None = None
    fact_ids: frozenset[UUID] = frozenset()

    def select(self, doses: Iterable[PerformedDose]) -> tuple[PerformedDose, ...]:
        """Returns the selected doses, oldest first; a dose that several documents state, once, from the newest.

        Raises NoDoseError, also where a dose that is asked for is missing, and TooManyDosesError.
        """
        selected = [dose for dose in doses if self._selects(dose)]
        if not selected or not self.fact_ids <= {dose.fact_id for dose in selected}:
            raise NoDoseError
        distinct = {dose.what: dose for dose in sorted(selected, key=lambda dose: dose.document_id)}
        if len(distinct) > MOST_DOSES:
            raise TooManyDosesError
        return tuple(sorted(distinct.values(), key=lambda dose: (dose.day, dose.codes[0].code)))

    def _selects(self, dose: PerformedDose) -> bool:
        return dose.fact_id in self.fact_ids if self.disease is None else self.disease in dose.diseases
