"""The patient of a message: INS and strict traits of PID, compared with those of its CDAs.

Sources: HL7 v2.5.1 PID, XPN and XAD; PAM FR (PID-3 INS, PID-5 type L the birth name, PID-11 type BDL the birth place);
CI-SIS identity rules.
"""

from collections.abc import Iterable

from services.records.hl7v2.domain.faults import refused, wrong
from services.records.quarantine.domain.causes import INS_MISSING, PATIENT_MISMATCH
from shared.cda.summary import CdaSummary
from shared.crypto.fingerprints import ins_parts
from shared.hl7v2.acknowledgement import ApplicationCode, ErrorCode
from shared.hl7v2.message import Message, Segment
from shared.terminology import oids
from shared.values import Ins, InvalidInsError, SentTraits, Sex, is_cog, is_day, normalise_name


def ins_of_message(message: Message) -> Ins | None:
    """Returns the INS of PID-3, None where it has none that is well-formed."""
    pid = message.first("PID")
    for repetition in range(1, pid.repetitions(3) + 1):
        oid = pid.value(3, 4, repetition, 2)
        if oid in oids.INS_OIDS:
            try:
                return Ins.parse(pid.value(3, 1, repetition), oid)
            except InvalidInsError:
                return None
    return None


def required_ins(message: Message) -> Ins:
    """Returns the INS of PID-3. Raises MessageRefusedError (AE 101)."""
    ins = ins_of_message(message)
    if ins is None:
        oid = f"{oids.INS_NIR} or {oids.INS_NIA}"
        raise wrong(
            ErrorCode.FIELD_MISSING, "PID^1^3", f"PID-3 needs an INS of 15 characters under {oid}.", INS_MISSING
        )
    return ins


def traits_of_message(message: Message) -> SentTraits:
    """Returns the strict traits of PID; what is not well-formed is absent."""
    pid = message.first("PID")
    name = _repetition(pid, 5, component=7, kind="L") or 1
    birth_name, given_name = pid.value(5, 1, name), pid.value(5, 2, name)
    day = pid.value(7)[:8]
    birth_date = f"{day[:4]}-{day[4:6]}-{day[6:8]}"
    address = _repetition(pid, 11, component=7, kind="BDL")
    place = pid.value(11, 9, address).strip().upper() if address else ""
    return SentTraits(
        birth_name=birth_name if normalise_name(birth_name) else None,
        given_name=given_name if normalise_name(given_name) else None,
        birth_date=birth_date if is_day(birth_date) else None,
        sex=Sex.of(pid.value(8)),
        birth_place=place if is_cog(place) else None,
    )


def check_patient(ins: Ins, traits: SentTraits, headers: Iterable[CdaSummary]) -> None:
    """Compares PID with the headers of the CDAs. Raises MessageRefusedError (AE 207 with 903 or 904)."""
    headers = tuple(headers)
    for header in headers:
        if not header.ins:
            raise refused(ApplicationCode.INS_ABSENT, "The CDA has no INS in recordTarget.", "OBX^1^5", INS_MISSING)
    for header in headers:
        if ins_parts(ins) not in map(ins_parts, header.ins):
            raise refused(
                ApplicationCode.INS_DIFFERS, "PID-3 and the CDA name different INS.", "PID^1^3", PATIENT_MISMATCH
            )
        if names := differing(traits, header.traits):
            listed = ", ".join(name.replace("_", " ") for name in names)
            raise refused(
                ApplicationCode.INS_DIFFERS, f"PID and the CDA differ in: {listed}.", "PID^1^5", PATIENT_MISMATCH
            )


def differing(sent: SentTraits, other: SentTraits) -> tuple[str, ...]:
    """Returns the names of the traits that both state and that differ; an unknown sex is not compared."""
    first, second = sent.normalised(), other.normalised()
    return tuple(
        name
        for name, value in first.items()
        if second.get(name, value) != value and Sex.UNKNOWN.value not in (value, second.get(name))
    )


def _repetition(segment: Segment, field: int, *, component: int, kind: str) -> int | None:
    """Returns the number of the repetition whose component has this value."""
    numbers = range(1, segment.repetitions(field) + 1)
    return next((number for number in numbers if segment.value(field, component, number) == kind), None)
