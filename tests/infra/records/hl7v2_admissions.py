"""Builds ADT messages (PAM FR) like a hospital's administrative software. Shares no code with the reader."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.infra.records.hl7v2_messages import APPLICATION, FACILITY, Patient, pid


def hl7_time(ago: timedelta = timedelta(hours=1), form: str = "%Y%m%d%H%M%S") -> str:
    """Returns a time in the past as HL7 v2 writes it, in French time."""
    return (datetime.now(ZoneInfo("Europe/Paris")) - ago).strftime(form)


@dataclass
class Admission:
    """The parts of an ADT message that tests change."""

    person: Patient
    event: str = "A01"
    consents: dict[int, str] = field(default_factory=dict)
    """Fields of ZFA by number; without any there is no segment ZFA."""
    doctor: str = ""
    stay_until: str = ""
    control_id: str = "A-1"
    pid: str | None = None

    def encoded(self) -> bytes:
        """Returns the bytes of the message."""
        fields = {
            3: APPLICATION, 4: FACILITY, 5: "DPI", 6: "CHU-X", 7: "202610010931",
            9: f"ADT^{self.event}^ADT_{self.event}", 10: self.control_id, 11: "P", 12: "2.5^FRA^2.11", 17: "FRA",
            18: "UNICODE UTF-8", 21: "2.11^IHE_FRANCE-2.11-PAM",
        }  # fmt: skip
        segments = ["MSH|^~\\&|" + "|".join(fields.get(number, "") for number in range(3, 22))]
        segments += ["EVN||20261001", self.pid if self.pid is not None else pid(self.person)]
        segments += [f"PV1|1|I|UF|R|||{self.doctor}|", f"PV2|||||||CS||{self.stay_until}|||Surveillance"]
        if self.consents:
            segments.append("ZFA|ACTIF|" + "|".join(self.consents.get(number, "") for number in range(2, 13)))
        return "".join(f"{segment}\r" for segment in segments).encode()


def collected(feeding: str = "", consultation: str = "", at: str | None = None) -> dict[int, str]:
    """Returns the fields of ZFA that say this, collected at a time, by default an hour ago."""
    moment = hl7_time() if at is None else at
    stated = {9: (feeding, 10), 11: (consultation, 12)}
    return {
        number: text
        for place, (code, dated) in stated.items()
        if code
        for number, text in ((place, code), (dated, moment))
    }
