"""Mail addresses: what can be written to, in one form, and what cannot."""

import pytest

from shared.mail_addresses import mail_address


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("zoe@patient.example", "zoe@patient.example"),
        ("Zoe.Martin@Patient.EXAMPLE", "Zoe.Martin@patient.example"),
        ("o'neil+dmp_{x}@x-y.example", "o'neil+dmp_{x}@x-y.example"),
        (" \u00a0zoe@patient.example\r\n", "zoe@patient.example"),
        ("zo\u200be@pati\u00adent.example\ufeff", "zoe@patient.example"),
        ("zoe@hôpital.example", "zoe@xn--hpital-ixa.example"),
        ("zoe@xn--hpital-ixa.example", "zoe@xn--hpital-ixa.example"),
        ("zoe@ｐatient.example", "zoe@patient.example"),
        ("a" * 64 + "@patient.example", "a" * 64 + "@patient.example"),
    ],
)
def test_an_address_has_one_form(typed: str, address: str) -> None:
    assert mail_address(typed) == address
    assert mail_address(address) == address


@pytest.mark.parametrize(
    "typed",
    [
        *("", "@", "zoe", "zoe@", "@patient.example", "zoe@localhost", "zoe@patient", "zoe@home.local"),
        *("zoe@x.invalid", "zoé@patient.example", ".zoe@patient.example", "zoe.@patient.example"),
        "z..e@patient.example",
        *("zoe@patient..example", "zoe@patient.example.", "zoe@-x.example", "zoe@a_b.example", "zoe@192.0.2.1"),
        *("zoe@[192.0.2.1]", '"zoe"@patient.example', "Zoé <zoe@patient.example>", "zoe@a.example, eve@b.example"),
        *(
            "zoe@patient.example\nBcc: eve@x.example",
            "zoe@patient.example\0",
            "z oe@patient.example",
            "zoe@xn--0.example",
        ),
        *(
            "a" * 65 + "@patient.example",
            "zoe@" + "a" * 64 + ".example",
            "zoe@" + "a.bcd." * 45 + "example",
            "@" * 9999,
        ),
    ],
)
def test_what_is_no_address_to_write_to(typed: str) -> None:
    assert mail_address(typed) is None
