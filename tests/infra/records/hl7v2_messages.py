"""Builds HL7 v2 messages like a hospital's software, and sends them over MLLP. Shares no code with the reader."""

import asyncio
import base64
import re
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol
from uuid import uuid4

from tests.infra.records.records_api import HOSPITAL

APPLICATION, FACILITY = "SIL-Y", "labo"


class Patient(Protocol):
    """An invented person."""

    @property
    def ins(self) -> str:
        """INS of 15 characters."""

    @property
    def birth_name(self) -> str:
        """Birth name."""

    @property
    def given_name(self) -> str:
        """First given name."""

    @property
    def birth_date(self) -> date:
        """Day of birth."""

    @property
    def sex(self) -> str:
        """female or male."""


def pid(person: Patient, **changed: str) -> str:
    """Returns the segment PID; `changed`: ins, birth_name, birth_date."""
    ins, name = changed.get("ins", person.ins), changed.get("birth_name", person.birth_name)
    day = changed.get("birth_date", f"{person.birth_date:%Y%m%d}")
    sex = "F" if person.sex == "female" else "M"
    return (
        f"PID|||{ins}^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS^^20101207||{name}^{person.given_name}^^^^^L||"
        f"{day}|{sex}|||1 rue Inventée^^VILLE^^99000^FRA^H~^^^^^^BDL^^99100|||||||4711^^^HOPITAL^AN"
        "|||||||||||||N|VALI"
    )


@dataclass
class MessageParts:
    """The parts of a message that tests change."""

    person: Patient
    contents: tuple[bytes, ...]
    event: str = "R01"
    result: str = "F"
    order: str = "NW"
    control_id: str = "M-1"
    structure: str = HOSPITAL
    type_code: str = "18748-4"
    metadata: dict[str, str] = field(default_factory=dict)
    pid: str | None = None
    transcription: str = "TXA|1|18748-4|TEXT|20261001"
    charset: str = "UNICODE UTF-8"
    msh: dict[int, str] = field(default_factory=dict)
    line_end: str = "\r"

    def text(self) -> str:
        """Returns the message as text."""
        is_mdm = self.event.startswith("T")
        kind = f"MDM^{self.event}^MDM_T02" if is_mdm else "ORU^R01^ORU_R01"
        fields = {
            3: APPLICATION, 4: FACILITY, 5: "PFI-X", 6: "Organisation-X", 7: "202610010931", 9: kind,
            10: self.control_id, 11: "P", 12: "2.6" if is_mdm else "2.5", 17: "FRA", 18: self.charset,
            21: "2.1^CISIS_CDA_HL7_V2", **self.msh,
        }  # fmt: skip
        segments = ["MSH|^~\\&|" + "|".join(fields.get(number, "") for number in range(3, 22))]
        segments += ["EVN||20261001"] if is_mdm else []
        segments += [self.pid if self.pid is not None else pid(self.person), "PV1|1|I|UF"]
        segments += [f"ORC|{self.order}|1^Nephro|2^labo", f"OBR|1|1^Nephro|2^labo|{self.type_code}^CR^LN"]
        segments += [self.transcription] if is_mdm else []
        sender = f"PRT||UC||SB^^participation|899900000018^INVENTEE^Camille|||labo^^^^^^^^^{self.structure}"
        for number, content in enumerate(self.contents, 1):
            encoded = base64.b64encode(content).decode()
            segments.append(f"OBX|{number}|ED|{self.type_code}^CR^LN||^TEXT^XML^Base64^{encoded}||||||{self.result}|")
            segments += [sender] if number == 1 else []
        for number, (name, value) in enumerate(self.metadata.items(), len(self.contents) + 1):
            segments.append(f"OBX|{number}|CE|{name}^libellé^MetaDMPMSS||{value}^^expandedYes-NoIndicator||||||F|")
        return "".join(segment + self.line_end for segment in segments)

    def encoded(self, codec: str = "utf-8") -> bytes:
        """Returns the bytes of the message."""
        return self.text().encode(codec)


def message_of(content: bytes, person: Patient, structure: str) -> bytes:
    """Returns an ORU with a CDA of any type, under a new control id; PID states no birth place."""
    code = re.search(rb'<code code="([^"]+)"', content)
    return MessageParts(
        person,
        (content,),
        control_id=uuid4().hex[:20],
        structure=structure,
        type_code=code[1].decode() if code is not None else "11488-4",
        pid=pid(person).replace("~^^^^^^BDL^^99100", ""),
    ).encoded()


@dataclass
class Ack:
    """A parsed acknowledgement."""

    raw: bytes

    @property
    def segments(self) -> dict[str, list[str]]:
        """Fields of each segment by name; the last one of a name."""
        lines = self.raw.decode("utf-8", "replace").split("\r")
        return {line[:3]: line.split("|") for line in lines if line}

    @property
    def code(self) -> str:
        """MSA-1."""
        return self.segments["MSA"][1]

    @property
    def answer(self) -> str:
        """MSA-1 with the codes of ERR-3 and ERR-5: `AA`, `AE 102`, `AE 207 904`."""
        error = self.segments.get("ERR")
        codes = [error[3].split("^")[0], error[5].split("^")[0]] if error else []
        return " ".join([self.code, *(code for code in codes if code)])


class MllpClient:
    """A connection of a hospital's software."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, message: bytes) -> Ack:
        """Sends a message and returns its acknowledgement."""
        self.writer.write(b"\x0b" + message + b"\x1c\r")
        return await self.receive()

    async def receive(self) -> Ack:
        """Returns the next acknowledgement."""
        async with asyncio.timeout(30):
            framed = await self.reader.readuntil(b"\x1c\r")
        assert framed.startswith(b"\x0b")
        return Ack(framed[1:-2])
