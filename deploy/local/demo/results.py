"""A step of the story: a laboratory's three results over time are a line."""

from datetime import UTC, datetime, timedelta
from typing import Final

from deploy.local.demo.credentials import HOSPITAL, STRUCTURES
from deploy.local.demo.letter import Haemoglobin, haemoglobin_report
from deploy.local.demo.story import Story
from deploy.local.demo.structured import deposit_structured

LOINC: Final = "718-7"
MONTHS: Final = {
    6: Haemoglobin("10.9", "g/dL", "12", "16"),
    3: Haemoglobin("118", "g/L", "120", "160"),
    0: Haemoglobin("13.1", "g/dL", "12", "16"),
}
"""The results by their age in months; the laboratory has written one in another unit."""
_MONTH: Final = timedelta(days=30)


async def show_results_over_time(story: Story) -> None:
    """Three reports of six months are deposited, one in another unit; their results are a line in a single unit."""
    hospital, now = STRUCTURES[HOSPITAL], datetime.now(UTC)
    days = {age: now - age * _MONTH for age in MONTHS}
    reports = [haemoglobin_report(story.patient, hospital, MONTHS[age], day) for age, day in days.items()]
    await deposit_structured(story, *reports)
    written = ", ".join(f"{each.value} {each.unit}" for each in MONTHS.values())
    story.tell_event(hospital.name, f"its laboratory deposits three reports of six months: haemoglobin {written}")
    path = f"/records/{story.record_id}/results/{LOINC}"
    shown = (await story.holder.call("GET", "records", path, headers={"accept-language": "en"})).json()
    story.expect(len(shown["lines"]) == 1, f"the results are {len(shown['lines'])} lines")
    [line] = shown["lines"]
    numbers = [f"{float(point['number']):g}" for point in reversed(line["points"])]
    story.expect(numbers in (["10.9", "11.8", "13.1"], ["109", "118", "131"]), f"the line is {numbers}")
    below = [point["number"] for point in line["points"] if _is_below_range(point)]
    story.expect(len(below) == 2, f"{len(below)} results are below the laboratory's range")
    text = f"{' → '.join(numbers)} {line['unit']}, {line['trend']}; two are below the laboratory's range"
    story.tell_event(story.patient.name, f"sees {shown['analysis']['name']} as one line: {text}")


def _is_below_range(point: dict[str, object]) -> bool:
    ranges = point["ranges"]
    assert isinstance(ranges, list)
    return any(float(str(point["number"])) < float(str(each["low_in_unit"])) for each in ranges)
