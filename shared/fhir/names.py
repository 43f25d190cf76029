"""The names that a submission shows of people, structures and devices."""

from shared.fhir.node import MAX_TEXT, Node
from shared.human_text import has_control_character


def display_of(reference: Node | None, resource: Node | None) -> str | None:
    """Returns the name that a Reference shows, else that of the resource it refers to; None where neither has one."""
    display = reference.text("display") if reference is not None else None
    return display or (name_of(resource) if resource is not None else None)


def name_of(resource: Node) -> str | None:
    """Returns the name of an Organization, a person or a Device; None where it has none."""
    match resource.value.get("resourceType"):
        case "Organization":
            return resource.text("name")
        case "Device":
            names = resource.children("deviceName")
            return names[0].text("name") if names else None
        case "Practitioner" | "Patient" | "RelatedPerson":
            names = resource.children("name")
            return _human_name(names[0]) if names else None
        case _:
            return None


def _human_name(name: Node) -> str | None:
    """Returns a HumanName as one text: the one sent, else its parts in order."""
    text = name.text("text")
    if text is not None:
        return text
    parts = [*_strings(name, "prefix"), *_strings(name, "given"), name.text("family"), *_strings(name, "suffix")]
    joined = " ".join(part for part in parts if part)
    if len(joined) > MAX_TEXT:
        name.wrong("given", f"and the other parts have more than {MAX_TEXT} characters", "element-too-long")
        return None
    return joined or None


def _strings(node: Node, name: str) -> list[str]:
    """Returns the strings of an array, which may hold null for what only an extension says."""
    values = node.value.get(name)
    strings = []
    for index, value in enumerate(values if isinstance(values, list) else ()):
        if isinstance(value, str) and not has_control_character(value):
            strings.append(value)
        elif value is not None:
            node.wrong(f"{name}[{index}]", "must be a string without control characters")
    return strings
