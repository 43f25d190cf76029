"""Deposits CDA documents for the persons that they name, like a hospital, and returns their outcomes."""

from dataclasses import dataclass
from typing import Any

from deploy.local.demo.client import FHIR, RefusedError, Session
from deploy.local.demo.people import opening
from deploy.local.demo.polling import is_done
from shared.cda.header import CdaHeader, read_header
from shared.errors import CodedError
from shared.fhir.cda_deposit import bundle_of_cda
from tests.infra.platform.waiting import eventually


@dataclass(frozen=True)
class Outcome:
    """`step`: file, opening, deposit or decision; `code`: "published", or the reason of the refusal."""

    name: str
    step: str
    code: str


async def deposit_sample(name: str, content: bytes, administrator: Session, hospital: Session) -> Outcome:
    """Opens a record for the patient in the header unless it is open, deposits, and waits for the outcome."""
    try:
        header = read_header(content)
        body = bundle_of_cda(content)
    except CodedError as error:
        return Outcome(name, "file", error.code)
    try:
        await _open(administrator, header)
    except RefusedError as error:
        if error.code != "traits-differ":  # a record open with other traits: the outcome of its deposits shows it
            return Outcome(name, "opening", error.code)
    try:
        answer = await hospital.call("POST", "records", "/fhir", content=body, headers=FHIR)
    except RefusedError as error:
        return Outcome(name, "deposit", error.code)
    place = answer.headers["location"]

    async def done() -> dict[str, Any] | None:
        document: dict[str, Any] = (await hospital.call("GET", "records", place)).json()["documents"][0]
        return document if is_done(document) else None

    document = await eventually(done)
    return Outcome(name, "decision", document["reason"] if document["status"] == "refused" else "published")


async def _open(administrator: Session, header: CdaHeader) -> None:
    (ins, *_), traits = header.ins, header.traits
    body = opening(
        ins=ins.matricule,
        oid=ins.oid,
        traits={
            "birth_name": traits.birth_name or "",
            "given_name": traits.given_name or "",
            "birth_date": traits.birth_date or "",
            "sex": traits.sex.value if traits.sex else "unknown",
            **({"birth_place": traits.birth_place} if traits.birth_place else {}),
        },
        mail="somebody@patient.example",
        language="fr",
        relation="holder",
    )
    answer = await administrator.call("POST", "identity", "/records", json=body)

    async def in_force() -> bool:
        path = f"/records/{answer.json()['record_id']}"
        state = await administrator.call("GET", "identity", path, headers={"prefer": "wait=5"})
        return bool(state.json()["status"] == "in-force")

    await eventually(in_force)
