"""A client to start from: keys, tokens, submissions. It stands alone: `pip install joserfc requests`.

python dmp_client.py key KEY_FILE                  makes a key pair, prints its public half
python dmp_client.py token IDENTITY_URL CLIENT_ID KEY_FILE
                                                   prints an access token, which lives five minutes
python dmp_client.py bundle FILE PATIENT_FILE STRUCTURE_ID TITLE [OLD_IDENTIFIER]
                                                   prints the submission of a PDF; the old document is replaced
"""

import base64
import hashlib
import json
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from joserfc import jwt
from joserfc.jwk import ECKey

NOS = "https://mos.esante.gouv.fr/NOS"
MHD = "https://profiles.ihe.net/ITI/MHD"
URI = "urn:ietf:rfc:3986"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def make_key(path: Path) -> dict[str, Any]:
    """Writes a new private key, readable by its owner alone. Returns the public key, which is registered."""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True)
    key.ensure_kid()
    path.touch(mode=0o600)
    path.write_text(json.dumps(key.as_dict(private=True)))
    return dict(key.as_dict(private=False))


def get_token(identity: str, client_id: str, key_file: Path) -> str:
    """Returns an access token for this client (private_key_jwt, RFC 7523). Each assertion is used once."""
    endpoint, now = f"{identity}/oauth/token", int(time.time())
    key = ECKey.import_key(json.loads(key_file.read_text()))
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": endpoint,
        "iat": now,
        "exp": now + 60,
        "jti": str(uuid.uuid4()),
    }
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": JWT_BEARER,
        "client_assertion": jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key),
    }
    answer = requests.post(endpoint, data=form, timeout=10)
    if not answer.ok:
        raise SystemExit(f"{answer.status_code}: {answer.json()['error_description']}")
    return str(answer.json()["access_token"])


def make_bundle(
    pdf: bytes, patient: dict[str, Any], structure: str, title: str, replaces: str | None = None
) -> dict[str, Any]:
    """Returns the submission of a discharge letter in PDF: a transaction Bundle of ITI-65 (IHE MHD, PDSm).

    `patient`: `ins` (value, oid) and `traits` (birth_name, given_name, birth_date, sex), as the INSi service qualified
    them; `structure`: your Struct_IdNat; `replaces`: the identifier of the document that this one replaces.
    """
    urls = {kind: f"urn:uuid:{uuid.uuid4()}" for kind in ("List", "DocumentReference", "Binary")}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    ins = {"system": f"urn:oid:{patient['ins']['oid']}", "value": patient["ins"]["value"]}
    subject = {"type": "Patient", "identifier": ins}
    author = {
        "resourceType": "Organization",
        "id": "author",
        "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.2", "value": structure}],
    }
    submission_set = {
        "resourceType": "List",
        "contained": [author],
        "extension": [
            {
                "url": f"{MHD}/StructureDefinition/ihe-sourceId",
                "valueIdentifier": {"system": URI, "value": "urn:oid:1.2.250.1.999.1"},
            }
        ],
        "identifier": [{"use": "usual", "system": URI, "value": f"urn:uuid:{uuid.uuid4()}"}],
        "status": "current",
        "mode": "working",
        "title": title,
        "code": {"coding": [{"system": f"{MHD}/CodeSystem/MHDlistTypes", "code": "submissionset"}]},
        "subject": subject,
        "date": now,
        "source": {"reference": "#author"},
        "entry": [{"item": {"reference": urls["DocumentReference"]}}],
    }
    attachment = {
        "contentType": "application/pdf",
        "language": "fr-FR",
        "url": urls["Binary"],
        "size": len(pdf),
        "hash": base64.b64encode(hashlib.sha1(pdf, usedforsecurity=False).digest()).decode(),
        "title": title,
        "creation": now,
    }
    document: dict[str, Any] = {
        "resourceType": "DocumentReference",
        "contained": [author, _source_patient(ins, patient["traits"])],
        "masterIdentifier": {"system": URI, "value": f"urn:uuid:{uuid.uuid4()}"},
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11490-0"}]},
        "category": [_concept(f"{NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument", "10")],
        "subject": subject,
        "date": now,
        "author": [{"reference": "#author"}],
        "custodian": {"reference": "#author"},
        "securityLabel": [_concept("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N")],
        "content": [
            {
                "attachment": attachment,
                "format": {
                    "system": f"{NOS}/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode",
                    "code": "urn:ihe:iti:xds:2017:mimeTypeSufficient",
                },
            }
        ],
        "context": {
            "period": {"start": now[:10]},
            "facilityType": _concept(f"{NOS}/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite", "SA01"),
            "practiceSetting": _concept(f"{NOS}/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice", "ETABLISSEMENT"),
            "sourcePatientInfo": {"reference": "#patient"},
        },
    }
    if replaces is not None:
        document["relatesTo"] = [{"code": "replaces", "target": {"identifier": {"system": URI, "value": replaces}}}]
    binary = {
        "resourceType": "Binary",
        "contentType": "application/pdf",
        "data": base64.b64encode(pdf).decode(),
    }
    entries = [
        {
            "fullUrl": urls[str(resource["resourceType"])],
            "resource": resource,
            "request": {"method": "POST", "url": resource["resourceType"]},
        }
        for resource in (submission_set, document, binary)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _source_patient(ins: dict[str, str], traits: dict[str, str]) -> dict[str, Any]:
    """Returns the patient with the strict traits; BR marks the first given name of the birth certificate."""
    birth = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier", "valueCode": "BR"}]}
    return {
        "resourceType": "Patient",
        "id": "patient",
        "identifier": [{"use": "official", **ins}],
        "name": [
            {"use": "official", "family": traits["birth_name"], "given": [traits["given_name"]], "_given": [birth]}
        ],
        "gender": traits["sex"],
        "birthDate": traits["birth_date"],
    }


def main(arguments: list[str]) -> None:
    """Prints what the first argument names; see the top of this file."""
    match arguments:
        case ["key", path]:
            print(json.dumps(make_key(Path(path))))
        case ["token", identity, client_id, path]:
            print(get_token(identity, client_id, Path(path)))
        case ["bundle", file, patient, structure, title, *old]:
            known = json.loads(Path(patient).read_text())
            print(json.dumps(make_bundle(Path(file).read_bytes(), known, structure, title, *old), indent=1))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
