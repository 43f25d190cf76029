"""An element of a CDA, as the readers of its header build it."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Element:
    """An element in the HL7 namespace (others keep their namespace in the name): attributes, own text, children."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def all(self, *path: str) -> list["Element"]:
        """The elements at the end of this path of child names."""
        elements = [self]
        for name in path:
            elements = [child for element in elements for child in element.children if child.name == name]
        return elements

    def first(self, *path: str) -> "Element | None":
        """The first element at the end of this path."""
        return next(iter(self.all(*path)), None)

    def get(self, attribute: str, *path: str) -> str | None:
        """An attribute, without blanks around, of the first element at the end of this path; None without one."""
        element = self.first(*path)
        value = element.attributes.get(attribute, "").strip() if element is not None else ""
        return value or None
