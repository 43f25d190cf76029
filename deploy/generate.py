"""Generates the JSON Schemas, AsyncAPI, OpenAPI, the pages on access, contracts, errors and sizes, the table of
settings, the dashboards, the rules of the objectives, and the Kubernetes manifests.

python -m deploy.generate            writes the files that differ
python -m deploy.generate --check    exits with 1 and names the files that differ
"""

import base64
import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from joserfc.jwk import ECKey, OKPKey
from pydantic import BaseModel

from deploy.access_page import access_page
from deploy.alerts import objectives
from deploy.contracts_page import contracts_page
from deploy.dashboards.grafana import dashboards
from deploy.errors_page import errors_page
from deploy.manifests.files import manifest_files
from deploy.settings_classes import settings_class
from deploy.sizing import sizing_page
from shared.contracts.carried_events import EVENTS
from shared.contracts.declarations import SERVICES, Topic
from shared.contracts.topics import GROUPS, TOPICS
from shared.crypto.private_keys import new_thumbprint_key
from shared.runtime.settings import ServiceSettings

ROOT = Path(__file__).parents[1]
SCHEMAS = ROOT / "shared" / "contracts" / "schemas"
DESCRIPTIONS = ROOT / "docs"
BEGIN, END = "<!-- configuration: generated -->", "<!-- end of configuration -->"


def generated() -> Iterator[tuple[Path, str]]:
    """Yields the path and the text of every generated file."""
    for ce_type, event in sorted(EVENTS.items()):
        yield SCHEMAS / f"{ce_type}.json", _json(_schema(ce_type, event))
    yield DESCRIPTIONS / "asyncapi.yaml", _yaml(asyncapi())
    yield DESCRIPTIONS / "access.md", access_page()
    yield DESCRIPTIONS / "contracts.md", contracts_page()
    yield DESCRIPTIONS / "errors.md", errors_page()
    page = (DESCRIPTIONS / "configuration.md").read_text("utf-8")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    yield DESCRIPTIONS / "configuration.md", f"{before}{BEGIN}\n{configuration()}{END}{after}"
    yield from dashboards()
    yield from objectives.files()
    for service in SERVICES:
        yield DESCRIPTIONS / f"openapi-{service}.yaml", _yaml(openapi(service))
    yield DESCRIPTIONS / "sizing.md", sizing_page()
    yield from manifest_files()


def openapi(service: str) -> dict[str, Any]:
    """Returns the OpenAPI document of a service's API."""
    settings = _placeholders(settings_class(service))
    described: dict[str, Any] = import_module(f"services.{service}.app").make_api(settings).openapi()
    return described


def _placeholders(settings: type[ServiceSettings]) -> ServiceSettings:
    """Returns settings that name no real server: they suffice to build the app, not to run it."""
    ring = f"placeholder:{base64.urlsafe_b64encode(bytes(32)).decode()}"
    jwk = ECKey.generate_key("P-256", {"kid": "placeholder", "use": "sig", "alg": "ES256"}, private=True)
    okp = OKPKey.generate_key("Ed25519", {"kid": "placeholder", "use": "sig"}, private=True)
    signing_keys = {
        "signing": json.dumps([jwk.as_dict(private=True)]),
        "receipts": json.dumps([okp.as_dict(private=True)]),
        "certificates": new_thumbprint_key(),
        "signatures": json.dumps([okp.as_dict(private=True)]),
    }
    values: dict[str, Any] = {
        "postgres": {"dsn": "postgresql://127.0.0.1/placeholder"},
        "kafka": {"bootstrap": "127.0.0.1:9092"},
        "tokens": {"issuer": "http://placeholder", "jwks_url": "https://placeholder"},
        "smtp": {"host": "127.0.0.1", "port": 25, "sender": "placeholder@example.org"},
        "folders": {"sms": "placeholder", "letters": "placeholder"},
        "gateways": {"sms_certificate_file": "placeholder", "letters_certificate_file": "placeholder"},
        "certificates": {"issuer": "https://placeholder"},
        "service": {"name": "placeholder", "sender_name": "DMP", "site": "example.org", "telephone": "3000"},
    }
    if "keys" in settings.model_fields:
        fields = settings.model_fields["keys"].annotation.model_fields  # type: ignore[union-attr]
        values["keys"] = {name: signing_keys.get(name, ring) for name in fields}
    return settings(**{name: value for name, value in values.items() if name in settings.model_fields})


def configuration() -> str:
    """Returns the table of settings as Markdown."""
    rows: dict[str, tuple[str, str, str]] = {}
    services: dict[str, list[str]] = {}
    for service in SERVICES:
        for name, described in _settings_of(settings_class(service), ""):
            rows[name] = described
            services.setdefault(name, []).append(service)
    lines = ["| variable | services | default | what |", "|---|---|---|---|"]
    for name, (default, required, about) in rows.items():
        used_by = "all" if len(services[name]) == len(SERVICES) else ", ".join(services[name])
        lines.append(f"| `{name}` | {used_by} | {required or f'`{default}`'} | {about} |")
    return "\n".join(lines) + "\n"


def _settings_of(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, tuple[str, str, str]]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            about = (kind.__doc__ or "").strip().splitlines()[0]
            for inner, (default, required, described) in _settings_of(kind, f"{prefix}{name.upper()}__"):
                yield inner, (default, required, described or about)
        else:
            default = "" if field.is_required() else str(field.default)
            yield prefix + name.upper(), (default, "required" if field.is_required() else "", field.description or "")


def asyncapi() -> dict[str, Any]:
    """Returns the AsyncAPI 3.0 document of all topics: writers, readers, events and retention."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Topics of the shared medical record", "version": "1"},
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": dict(_operations()),
        "components": {"messages": {ce_type: _message(ce_type, event) for ce_type, event in sorted(EVENTS.items())}},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    kept = "compacted, for ever" if topic.kind == "state" else f"{topic.retention}"
    return {
        "address": topic.name,
        "description": f"{topic.about} Key: {topic.key}. Kept: {kept}.",
        "messages": {event.ce_type: {"$ref": f"#/components/messages/{event.ce_type}"} for event in topic.events},
        "bindings": {"kafka": {"partitions": topic.national_partitions, "bindingVersion": "0.5.0"}},
    }


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for topic in TOPICS:
        channel = {"$ref": f"#/channels/{topic.name}"}
        if topic.writer is not None:
            yield (
                f"{topic.writer} sends {topic.name}",
                {"action": "send", "channel": channel, "title": topic.writer},
            )
    for group in GROUPS:
        for topic in group.topics:
            channel = {"$ref": f"#/channels/{topic.name}"}
            bindings = {"kafka": {"groupId": {"type": "string", "enum": [group.name]}, "bindingVersion": "0.5.0"}}
            yield (
                f"{group.name} receives {topic.name}",
                {"action": "receive", "channel": channel, "summary": group.about, "bindings": bindings},
            )


def _message(ce_type: str, event: type[BaseModel]) -> dict[str, Any]:
    return {
        "name": ce_type,
        "title": event.__name__,
        "summary": (event.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "traceparent"],
            "properties": {
                "ce_specversion": {"const": "1.0"},
                "ce_id": {"type": "string", "format": "uuid"},
                "ce_type": {"const": ce_type},
                "ce_source": {"type": "string"},
                "ce_time": {"type": "string", "format": "date-time"},
                "ce_subject": {"type": "string"},
                "traceparent": {"type": "string"},
            },
        },
        "payload": _inlined(event.model_json_schema()),
    }


def _schema(ce_type: str, event: type[BaseModel]) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": ce_type, **event.model_json_schema()}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema with `$defs` inlined: their references would not resolve inside a larger document."""
    definitions = schema.pop("$defs", {})

    def resolve(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return resolve(definitions[node["$ref"].rsplit("/", 1)[-1]])
            return {name: resolve(value) for name, value in node.items()}
        return [resolve(item) for item in node] if isinstance(node, list) else node

    resolved: dict[str, Any] = resolve(schema)
    return resolved


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _yaml(value: Any) -> str:
    return yaml.safe_dump(json.loads(json.dumps(value)), sort_keys=False, allow_unicode=True, width=120)


def main() -> None:
    """Writes the files that differ, or with `--check` lists them and exits with 1."""
    stale = [(path, text) for path, text in generated() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path, _ in stale:
            print(f"stale: {path.relative_to(ROOT)}; run python -m deploy.generate")
        raise SystemExit(1 if stale else 0)
    for path, text in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        print(f"written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
