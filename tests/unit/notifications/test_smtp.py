"""What never gets as far as a mail server."""

import pytest
from pydantic import TypeAdapter, ValidationError

from ticketing.ids import BookingId, ClientId
from ticketing.money import Money
from ticketing.notifications.api import Notification
from ticketing.notifications.smtp import SmtpSender
from ticketing.seats import Seat

OURS, THEIRS = "tickets@box-office.example", "clients.example"
SETTLED = Notification(
    kind="settled",
    about="b1",
    booking_id=BookingId("b1"),
    client_id=ClientId("ann"),
    seats=(Seat(row=1, number=1),),
    total=Money(amount_minor=500, currency="EUR"),
)
UNFIT = ("a\nBcc: eve", "a\n", "a\r\nb", "a@b", "a b", "a,b", "<a>", "", "é", 65 * "a")


@pytest.mark.parametrize("text", UNFIT)
def test_a_client_id_that_could_break_a_header_is_no_client_id(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ClientId).validate_python(text)
    with pytest.raises(ValidationError):
        Notification.model_validate({**SETTLED.model_dump(), "client_id": text})


@pytest.mark.parametrize("field", ["client_id", "about", "booking_id"])
async def test_a_line_break_is_refused_even_where_no_id_was_checked(field: str) -> None:
    unchecked = SETTLED.model_copy(update={field: "a\nBcc: eve"})
    sender = SmtpSender("smtp://127.0.0.1:9", mail_from=OURS, domain=THEIRS)
    with pytest.raises(ValueError, match=r"CR or LF|linefeed or carriage return"):
        await sender.send(unchecked)


@pytest.mark.parametrize("url", ["127.0.0.1:25", "http://eve:secret@here", "smtp://", "smtp://:25"])
def test_what_is_no_mail_server_is_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(ValueError, match="a mail server is smtp://") as refused:
        SmtpSender(url, mail_from=OURS, domain=THEIRS)
    assert "secret" not in str(refused.value)


def test_a_port_that_is_none_and_an_address_that_is_none_are_refused() -> None:
    with pytest.raises(ValueError, match="Port"):
        SmtpSender("smtp://here:mail", mail_from=OURS, domain=THEIRS)
    with pytest.raises(ValueError, match="addr-spec"):
        SmtpSender("smtp://here", mail_from="a b", domain=THEIRS)
