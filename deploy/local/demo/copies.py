"""A step of the story: the patient takes a copy of the whole record, and everything in it is verified."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from deploy.local.demo.client import send
from deploy.local.demo.polling import poll
from deploy.local.demo.story import Story
from services.audit.accesses.adapters import AccessFileSeal, verify_access_file
from services.records.exports.adapters.verification import verify_archive

if TYPE_CHECKING:
    from services.records.exports.domain.manifest import Manifest


async def take_a_copy(story: Story) -> None:
    """The patient takes a copy, and the list of accesses with it. Both are genuine; with one byte changed, the copy is
    not."""
    path = f"/records/{story.record_id}/export"
    await story.holder.call("POST", "records", path)

    async def prepared() -> dict[str, Any] | None:
        progress: dict[str, Any] = (await story.holder.call("GET", "records", path)).json()
        return None if progress["state"] == "preparing" else progress

    progress = await poll(prepared, every_s=0.1)
    story.expect(progress["state"] == "ready", f"the copy is {progress['state']}: {progress['failure']}")
    copy = (await story.holder.call("GET", "records", f"{path}/file")).content
    accesses = (await story.holder.call("GET", "audit", f"/records/{story.record_id}/accesses/file")).content
    await story.holder.call("DELETE", "records", path)
    story.tell_event(story.patient.name, f"takes a copy of {progress['total']} documents ({len(copy) / 1000:.0f} kB)")
    manifests: list[Manifest] = []
    seals: list[AccessFileSeal] = []
    copy_keys = await _published(story, "records", "/.well-known/export-keys.json")
    list_keys = await _published(story, "audit", "/.well-known/access-list-keys.json")
    problems = [
        *verify_archive(io.BytesIO(copy), copy_keys, manifests.append),
        *verify_access_file(io.BytesIO(accesses), list_keys, seals.append),
    ]
    story.expect(not problems, "; ".join(problems))
    [manifest], [seal] = manifests, seals
    story.tell_event("a verifier", f"finds both genuine: {len(manifest.files)} files, {seal.entries} accesses")
    middle = len(copy) // 2
    changed = copy[:middle] + bytes([copy[middle] ^ 1]) + copy[middle + 1 :]
    [problem, *_] = [*verify_archive(io.BytesIO(changed), copy_keys, manifests.append), "nothing"]
    story.expect(problem != "nothing", "a changed byte went unnoticed")
    story.tell_event("a verifier", f"with one byte changed: {problem}")


async def _published(story: Story, service: str, path: str) -> Any:
    return (await send(story.dmp.http, story.dmp.urls, "GET", service, path)).json()
