"""Checks a prescription against opened facts, with the tables that are in use."""

from dataclasses import dataclass
from uuid import UUID

from services.records.copies.domain.traits import PatientMismatchError
from services.records.copies.store.records import confirm_person
from services.records.kit.threads import in_thread_if_large
from services.records.medicines.domain.interactions import TableVersion
from services.records.medicines.steps.reference_tables import look_up
from services.records.warnings.context import WarningContext
from services.records.warnings.domain.prescription import Prescription
from services.records.warnings.domain.prescription_check import check_prescription
from services.records.warnings.domain.substances import atc_codes, codings_of_fact, codings_of_order, public_codes
from services.records.warnings.domain.tables import Tables
from services.records.warnings.domain.warnings import CheckResult
from services.records.warnings.steps.record_reading import OpenedFacts
from shared.db.pool import Connection
from shared.moments import FRANCE
from shared.runtime import clock

_AS_BYTES = 2_000
"""Checking a fact takes as long as sealing so many bytes."""


@dataclass(frozen=True, slots=True)
class CheckedPrescription:
    """The result of a check, and the versions of the tables. `medicines`: None where no public files are loaded."""

    result: CheckResult
    medicines: TableVersion | None
    interactions: TableVersion


async def confirm_prescribed(
    connection: Connection, warnings: WarningContext, record_id: UUID, prescription: Prescription
) -> None:
    """Checks that a prescription's document names the person of the record. Raises PatientMismatchError."""
    person = prescription.person
    if person is None:
        return
    if not person.ins:
        raise PatientMismatchError
    await confirm_person(connection, warnings.ins_hmac, record_id, person.ins[0], person.traits)


async def check(
    connection: Connection, warnings: WarningContext, prescription: Prescription, record: OpenedFacts
) -> CheckedPrescription:
    """Returns the warnings of a prescription."""
    codings = [coding for medicine in prescription.medicines for coding in codings_of_order(medicine)]
    codings += [coding for fact in record.facts for coding in codings_of_fact(fact.fact)]
    codes, atc = sorted(set(public_codes(codings))), sorted(set(atc_codes(codings)))
    reference = await look_up(connection, warnings.interactions, codes, atc)
    tables = Tables(reference.medicines, reference.interactions)
    today = clock.now().astimezone(FRANCE).date()
    size = len(record.facts) * _AS_BYTES
    result = await in_thread_if_large(size, check_prescription, prescription, record.facts, tables, today)
    return CheckedPrescription(result, reference.medicines_version, reference.interactions.version)
