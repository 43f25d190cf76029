"""Writes business acknowledgements: whether a document that was accepted is published in the DMP (ZAM^Z01).

Source: CI-SIS, volet "Transmission d'un document CDA-R2 en HL7v2" 2.1, "messages HL7 d'accusés métier": MSH, OBX with
ACK_RECEPTION_DMP of the table AckMetierZAM, and ERR where it is N. Nothing in them names a patient or a document.
"""

from datetime import datetime

from shared.hl7v2 import charset
from shared.hl7v2.acknowledgement import ErrorCode, escape, moment_text, party
from shared.hl7v2.message import Message


def business_header(message: Message, control_id: str, at: datetime) -> str:
    """Returns the segment MSH of the business acknowledgement of a message; `control_id`: its own MSH-10."""
    header = message.header
    fields = [
        *("MSH", "^~\\&", *(party(header.field(number), message) for number in (5, 6, 3, 4))),
        *(moment_text(at), "", "ZAM^Z01^ZAM_Z01", escape(control_id), escape(header.value(11)) or "P", "2.6"),
        *("", "", "", "", "FRA", charset.name_of(message.codec), "", "", "2.1^CISIS_CDA_HL7_V2"),
    ]
    return "|".join(fields)


def business_acknowledgement(header: str, acknowledged_id: str, refusal: str | None) -> str:
    """Returns the business acknowledgement. `acknowledged_id`: MSH-10 of the message; `refusal`: the code of why its
    documents are not all published, None where they are."""
    value = "Y" if refusal is None else "N"
    name = "ACK_RECEPTION_DMP^Accusé de réception DMP^AckMetierZAM"
    observed = f"OBX|1|CWE|{name}|{escape(acknowledged_id)}|{value}^^expandedYes-NoIndicator||||||F"
    segments = [header, observed]
    if refusal is not None:
        code = f"{ErrorCode.APPLICATION.value}^Application error^messageErrorCondition"
        segments.append(f"ERR|||{code}|E|{escape(refusal)}^{escape(refusal)}^DMP_ERROR_CODE")
    return "".join(f"{segment}\r" for segment in segments)
