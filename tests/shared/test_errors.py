"""The message of an error is the docstring of its class, on one line."""

from shared.errors import ClientError


class LongError(ClientError):
    """The first line ends here
    and the sentence goes on."""

    code = "long"
    french = "La phrase."


def test_a_message_of_several_lines_is_shown_on_one() -> None:
    assert str(LongError()) == "The first line ends here and the sentence goes on."
    assert LongError().in_french() == "La phrase."
    assert LongError("Another.").in_french() is None
