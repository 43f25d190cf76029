"""Invented CDAs with a structured body (level 3): entries of the CI-SIS, written by small functions."""

from collections.abc import Sequence
from uuid import UUID

from tests.infra.load.documents import Person
from tests.infra.records.cdas import a_cda

PERSON = Person(76)
UNIQUE_ID = UUID(int=0x8000 << 64 | 0x8 << 60 | 4711)
CIM_10 = "2.16.840.1.113883.6.3"
LOINC = "2.16.840.1.113883.6.1"
SNOMED_35 = "1.2.250.1.213.2.12"
ACT_CODE = "2.16.840.1.113883.5.4"
CIS = "1.2.250.1.213.2.3.1"
ATC = "2.16.840.1.113883.6.73"
EMDN = "1.2.250.1.213.2.68"
CCAM = "1.2.250.1.213.2.5"
NONE_SYSTEM = "1.2.250.1.213.2.63"
IPS_ABSENT = "2.16.840.1.113883.5.1150.1"
NO_TIME = '<effectiveTime nullFlavor="UNK"/>'


def a_structured_cda(
    *sections: str,
    person: Person = PERSON,
    unique_id: UUID = UNIQUE_ID,
    type_code: str = "60591-5",
    replaces: UUID | None = None,
    **changed: str,
) -> bytes:
    """Returns a CDA of the person with these sections as its body. `changed`: as for `a_cda`."""
    header: dict[str, str] = {"type": type_code, **changed}
    plain = a_cda(person, unique_id, replaces=replaces, **header).decode()
    head, _, rest = plain.partition("<structuredBody>")
    body = "".join(f"<component>{part}</component>" for part in sections)
    xsi = 'xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    text = f"{head}<structuredBody>{body}</structuredBody>{rest.partition('</structuredBody>')[2]}"
    return text.replace('xmlns="urn:hl7-org:v3"', f'{xsi} xmlns:pharm="urn:ihe:pharm:medication"', 1).encode()


def section(
    template: str, *entries: str, title: str = "Section", words: dict[str, str] | None = None, more: str = ""
) -> str:
    """Returns a section S.<template>. `words`: its narrative by ID; `more`: elements before its entries."""
    lines = "".join(f'<item><content ID="{anchor}">{text}</content></item>' for anchor, text in (words or {}).items())
    narrative = f"<text><list>{lines}</list></text>" if words else ""
    inside = "".join(f"<entry>{entry}</entry>" for entry in entries)
    return (
        f'<section><templateId root="1.2.250.1.213.1.1.2.{template}"/><code code="00000-0" codeSystem="{LOINC}"/>'
        f"<title>{title}</title>{narrative}{more}{inside}</section>"
    )


def template(*numbers: str) -> str:
    """Returns templateIds E.<number>, or others by their OID."""
    roots = [number if "." in number else f"1.2.250.1.213.1.1.3.{number}" for number in numbers]
    return "".join(f'<templateId root="{root}"/>' for root in roots)


def code(name: str, value: str, system: str, label: str = "", inside: str = "", **attributes: str) -> str:
    """Returns a coded element."""
    display = f' displayName="{label}"' if label else ""
    others = "".join(f' {key.replace("_", ":")}="{text}"' for key, text in attributes.items())
    return f'<{name} code="{value}" codeSystem="{system}"{display}{others}>{inside}</{name}>'


def cd(value: str, system: str, label: str = "", inside: str = "") -> str:
    """Returns a `value` that is a code."""
    return code("value", value, system, label, inside, xsi_type="CD")


def pq(value: str, unit: str, inside: str = "") -> str:
    """Returns a `value` that is a quantity."""
    return f'<value xsi:type="PQ" value="{value}" unit="{unit}">{inside}</value>'


def boolean(value: bool) -> str:
    """Returns a `value` that is a yes or no."""
    return f'<value xsi:type="BL" value="{str(value).lower()}"/>'


def said(anchor: str) -> str:
    """Returns an originalText that refers to the narrative."""
    return f'<originalText><reference value="#{anchor}"/></originalText>'


def words_at(anchor: str) -> str:
    """Returns a `text` that refers to the narrative."""
    return f'<text><reference value="#{anchor}"/></text>'


def time(at: str = "", low: str = "", high: str = "") -> str:
    """Returns an effectiveTime: a moment, or a period whose missing bound is unknown."""
    if at:
        return f'<effectiveTime value="{at}"/>'
    bounds = [("low", low), ("high", high)]
    inside = "".join(f'<{name} value="{value}"/>' if value else f'<{name} nullFlavor="UNK"/>' for name, value in bounds)
    return f'<effectiveTime xsi:type="IVL_TS">{inside}</effectiveTime>'


def statement(name: str, numbers: Sequence[str], *inside: str, mood: str = "EVN", negated: bool | None = None) -> str:
    """Returns a clinical statement with its templates, mood and negation."""
    negation = "" if negated is None else f' negationInd="{str(negated).lower()}"'
    return f'<{name} moodCode="{mood}"{negation}>{template(*numbers)}{"".join(inside)}</{name}>'


def observation(numbers: Sequence[str], *inside: str, mood: str = "EVN", negated: bool | None = None) -> str:
    """Returns an observation."""
    return statement("observation", numbers, *inside, mood=mood, negated=negated)


def linked(type_code: str, *inside: str, inverted: bool = False) -> str:
    """Returns an entryRelationship."""
    inversion = ' inversionInd="true"' if inverted else ""
    return f'<entryRelationship typeCode="{type_code}"{inversion}>{"".join(inside)}</entryRelationship>'


def component(*inside: str) -> str:
    """Returns a component of an organizer."""
    return f"<component>{''.join(inside)}</component>"


def problem(*inside: str, negated: bool | None = None) -> str:
    """Returns a problem (E.37)."""
    return observation(["37"], code("code", "G-1009", SNOMED_35, "Diagnostic"), *inside, negated=negated)


def problems(*observations: str) -> str:
    """Returns a list of problems (E.39)."""
    links = "".join(linked("SUBJ", entry) for entry in observations)
    return statement("act", ["39"], '<code nullFlavor="NA"/>', time(low="20200101"), links)


def allergy(*inside: str, negated: bool | None = None) -> str:
    """Returns a list of allergies (E.40) with one (E.41)."""
    entry = observation(["41"], code("code", "DALG", ACT_CODE, "Allergie"), *inside, negated=negated)
    return statement("act", ["40"], '<code nullFlavor="NA"/>', linked("SUBJ", entry))


def agent(inside: str) -> str:
    """Returns the participant CSM of an allergy."""
    return (
        f'<participant typeCode="CSM"><participantRole classCode="MANU"><playingEntity classCode="MMAT">{inside}'
        "</playingEntity></participantRole></participant>"
    )


def result(loinc: str, label: str, value: str, *inside: str, numbers: Sequence[str] = ("80",)) -> str:
    """Returns a result (E.80)."""
    return observation(numbers, code("code", loinc, LOINC, label), *inside, value)


def product(inside: str) -> str:
    """Returns a product with this material."""
    return (
        f"<consumable><manufacturedProduct>{template('43')}<manufacturedMaterial>{inside}</manufacturedMaterial>"
        "</manufacturedProduct></consumable>"
    )


def medicine(value: str, label: str, inside: str = "", *, system: str = CIS, name: str = "") -> str:
    """Returns the product of a medicine: its code, its name, and other parts of its material."""
    return product(code("code", value, system, label) + (f"<name>{name}</name>" if name else "") + inside)


def treatment(*inside: str, numbers: Sequence[str] = ("42",), mood: str = "EVN", negated: bool | None = None) -> str:
    """Returns a treatment (E.42), or by other templates a vaccination."""
    return statement(
        "substanceAdministration", numbers, '<statusCode code="completed"/>', *inside, mood=mood, negated=negated
    )


def procedure(*inside: str, mood: str = "EVN", negated: bool | None = None, numbers: Sequence[str] = ("62",)) -> str:
    """Returns an act (E.62)."""
    return statement("procedure", numbers, *inside, mood=mood, negated=negated)


def device(inside: str, mood: str = "EVN") -> str:
    """Returns a device (E.20)."""
    role = f"<participantRole><playingDevice>{inside}</playingDevice></participantRole>"
    return statement("supply", ["20"], f'<participant typeCode="DEV">{role}</participant>', mood=mood)


def subject(relation: str = "CHILD") -> str:
    """Returns the `subject` that makes everything below it another person's."""
    return (
        f'<subject typeCode="SBJ"><relatedSubject classCode="PRS">{code("code", relation, "2.16.840.1.113883.5.111")}'
        "</relatedSubject></subject>"
    )
