"""A step of the story: the patient looks at the record by rubrics, the newest care first."""

from deploy.local.demo.story import Story


async def look_by_rubrics(story: Story) -> None:
    """The overview counts the documents of each rubric; a rubric is listed by the day of care."""
    shown = (await story.holder.call("GET", "records", f"/records/{story.record_id}/rubrics")).json()
    filled = [rubric for rubric in shown["rubrics"] if rubric["documents"]]
    codes = [rubric["code"] for rubric in filled]
    story.expect(codes == ["reports", "laboratory"], f"there are documents under {codes}")
    for rubric in filled:
        noun = "document" if rubric["documents"] == 1 else "documents"
        newest = f"{rubric['documents']} {noun}, newest care on {rubric['newest_care_on']}"
        story.tell_event("patient", f"sees {rubric['label']}: {newest}")
    form = {"patient": story.record_id, "status": "current", "rubric": "laboratory", "_sort": "-period"}
    answer = await story.holder.call("POST", "records", "/fhir/DocumentReference/_search", data=form)
    titles = [entry["resource"]["content"][0]["attachment"]["title"] for entry in answer.json()["entry"]]
    story.tell_event("patient", f"opens the rubric of the laboratory: {', '.join(titles)}")
