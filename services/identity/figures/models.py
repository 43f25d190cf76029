"""API models of the programme's figures."""

from datetime import date

from pydantic import BaseModel, Field

from services.identity.figures.domain import Figure


class FigureView(BaseModel):
    """A figure of the week that begins on this Monday. `all` marks a total, `-to-date` a total since the beginning."""

    week: date
    kind: str = Field(examples=["opening", "activation", "objection", "closure", "activation-rate"])
    region: str = Field(description="INSEE code, 99 abroad, unknown, or all")
    channel: str
    figure: str = Field(description="rounded to the nearest ten, < 11, or percent", examples=["1230", "< 11"])

    @classmethod
    def of(cls, figure: Figure) -> "FigureView":
        """Returns the view of a figure."""
        return cls(
            week=figure.week,
            kind=figure.cell.kind,
            region=figure.cell.region,
            channel=figure.cell.channel,
            figure=figure.text,
        )


class FiguresView(BaseModel):
    """The published figures, and how they were rounded."""

    figures: list[FigureView]
    note: str = (
        "Each figure, totals included, is rounded on its own to the nearest ten and shown as < 11 under eleven: parts "
        "need not add up to totals. A week is published once and never computed again."
    )
