"""An element of an XML document, built by the readers of CDA headers and of XDM metadata."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Element:
    """An element: attributes, text and children. Outside the namespace of its format the name includes its own."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def all(self, *path: str) -> list["Element"]:
        """Returns the elements at the end of this path of child names."""
        elements = [self]
        for name in path:
            elements = [child for element in elements for child in element.children if child.name == name]
        return elements

    def first(self, *path: str) -> "Element | None":
        """Returns the first element at the end of this path, or None."""
        return next(iter(self.all(*path)), None)

    def get(self, attribute: str, *path: str) -> str | None:
        """Returns an attribute of the first element at the end of this path, stripped; None when absent or blank."""
        element = self.first(*path)
        value = element.attributes.get(attribute, "").strip() if element is not None else ""
        return value or None
