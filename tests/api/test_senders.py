"""How codes leave: mail over TLS to a real server on loopback, gateways that are plugged in, and what failures tell."""

import ssl
from importlib import metadata

import pytest

from api.senders.console import console_senders
from api.senders.message import Channel, Message, NotSent
from api.senders.plugged import senders_of
from api.senders.post_room import PostRoom
from api.senders.smtp import Mail, MailServer
from api.serve import run
from api.setting_texts import SettingsError
from api.settings import Settings
from tests.mail import PASSWORD, USER, mail_server

TO = "zhangsan@example.com"
MAIL = Message(
    channel=Channel.EMAIL, to=TO, subject="您的验证码", text="您的验证码是 123456。", code="123456"
)


def server(box, **changes) -> MailServer:
    given = {"tls": "starttls", "ca_file": box.certificate, **changes}
    return MailServer(host="127.0.0.1", port=box.port, sender="codes@consent.example", **given)


def settings(tmp_path, **given) -> Settings:
    return Settings.from_mapping(
        {"PERUSAL_HOME": str(tmp_path), **{f"PERUSAL_{name.upper()}": str(v) for name, v in given.items()}}
    )


def test_a_code_arrives_over_tls_as_it_was_written(tmp_path):
    with mail_server(tmp_path) as box:
        Mail(server(box)).send(MAIL)

    (mail,) = box.mails
    assert box.envelopes == [TO]
    assert box.encrypted == [True]
    assert (mail["To"], mail["From"], mail["Subject"]) == (TO, "codes@consent.example", "您的验证码")
    assert mail.get_content().strip() == MAIL.text
    assert mail["Auto-Submitted"] == "auto-generated"


def test_the_mail_server_is_given_name_and_password_after_tls_only(tmp_path):
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    with mail_server(tmp_path) as box:
        Mail(server(box, user=USER, password_file=secret)).send(MAIL)

        assert box.logins == [USER]
        secret.chmod(0o644)
        with pytest.raises(NotSent, match="ExposedSecret"):
            Mail(server(box, user=USER, password_file=secret)).send(MAIL)


def test_nothing_is_sent_where_tls_is_missing_or_the_certificate_is_somebody_else_s(tmp_path):
    with mail_server(tmp_path, offers_tls=False) as box, pytest.raises(NotSent):
        Mail(server(box)).send(MAIL)
    assert box.mails == []
    with mail_server(tmp_path) as box, pytest.raises(NotSent, match=ssl.SSLCertVerificationError.__name__):
        Mail(server(box, ca_file=None)).send(MAIL)
    assert box.mails == []
    assert box.envelopes == []


def test_without_tls_only_a_server_on_this_machine_is_spoken_to(tmp_path):
    with mail_server(tmp_path, offers_tls=False) as box:
        Mail(server(box, tls="none")).send(MAIL)
    assert len(box.mails) == 1

    near = settings(tmp_path, smtp_host="127.0.0.1", smtp_from="a@b.example", smtp_tls="none")
    assert Channel.EMAIL in senders_of(near)
    for host in ("mail.example", "10.0.0.1", "127.0.0.1.mail.example"):
        with pytest.raises(SettingsError, match="this machine only"):
            settings(tmp_path, smtp_host=host, smtp_from="a@b.example", smtp_tls="none")


def test_a_failure_names_neither_the_address_nor_the_code(tmp_path, capsys):
    with mail_server(tmp_path, refuses=True) as box:
        with pytest.raises(NotSent) as failed:
            Mail(server(box)).send(MAIL)
        room = PostRoom({Channel.EMAIL: Mail(server(box))})
        room.hand_in(MAIL, known=True)
        room.settle()
        room.stop()

    logged = capsys.readouterr().err
    assert failed.value.reason == "SMTPRecipientsRefused"
    assert failed.value.__context__ is None or failed.value.__suppress_context__
    assert "code_not_sent" in logged
    for told in (str(failed.value), repr(MAIL), logged):
        assert TO not in told
        assert "123456" not in told


def test_an_address_that_would_add_a_header_is_not_sent_to(tmp_path):
    bad = Message(
        channel=Channel.EMAIL, to="a@b.example\r\nBcc: c@d.example", subject="s", text="t", code="1"
    )
    with mail_server(tmp_path) as box, pytest.raises(NotSent):
        Mail(server(box)).send(bad)
    assert box.envelopes == []


def test_what_is_handed_in_for_nobody_is_thrown_away():
    sent = []

    class Keeping:
        def send(self, message):
            sent.append(message)

    room = PostRoom({Channel.EMAIL: Keeping()})
    room.hand_in(MAIL, known=False)
    room.hand_in(MAIL, known=True)
    room.settle()
    room.stop()

    assert sent == [MAIL]


def test_a_gateway_that_breaks_does_not_stop_the_next_message(capsys):
    sent = []

    class Breaking:
        def send(self, message):
            sent.append(message)
            raise ValueError(message.to)

    room = PostRoom({Channel.EMAIL: Breaking()})
    room.hand_in(MAIL, known=True)
    room.hand_in(MAIL, known=True)
    room.settle()
    room.stop()

    assert len(sent) == 2
    assert TO not in capsys.readouterr().err


def test_a_gateway_is_an_installed_entry_point_and_a_missing_one_stops_the_start(tmp_path, monkeypatch):
    class Gateway:
        def send(self, message):
            """Hand it to nobody."""

    class Point:
        def load(self):
            return Gateway

    monkeypatch.setattr(
        "api.senders.plugged.entry_points", lambda **wanted: [Point()] if wanted["name"] == "mine" else []
    )

    assert isinstance(senders_of(settings(tmp_path, sms_sender="mine"))[Channel.SMS], Gateway)
    with pytest.raises(SettingsError, match="PERUSAL_SMS_SENDER"):
        senders_of(settings(tmp_path, sms_sender="other"))
    assert metadata.entry_points(group="perusal.sms") == ()


def test_half_a_mail_server_is_refused_at_the_start(tmp_path):
    for given in (
        {"smtp_host": "mail.example"},
        {"smtp_host": "mail.example", "smtp_from": "nobody"},
        {"smtp_host": "mail.example", "smtp_from": "a@b.example", "smtp_user": "me"},
        {"smtp_tls": "sometimes"},
    ):
        with pytest.raises(SettingsError):
            settings(tmp_path, **given)
    assert senders_of(settings(tmp_path)) == {}


def test_the_demonstration_shows_the_code_and_masks_the_address(capsys):
    sender = console_senders()[Channel.SMS]
    sender.send(Message(channel=Channel.SMS, to="+8613812341234", subject="", text="", code="654321"))

    shown = capsys.readouterr().err
    assert "654321" in shown
    assert "13812341234" not in shown


def test_the_demonstration_is_refused_where_others_could_reach_it(tmp_path):
    for host in ("0.0.0.0", "10.0.0.1", "consent.example"):
        with pytest.raises(SettingsError, match="this machine only"):
            run(settings(tmp_path, host=host), demo=True)


def test_a_channel_counts_as_failing_for_ten_minutes_by_what_people_who_are_signed_in_asked_for():
    clock, works = [1000.0], [False]

    class Flaky:
        def send(self, _message):
            if not works[0]:
                raise NotSent("ConnectionRefusedError")

    def tried(**how):
        room.hand_in(MAIL, **how)
        room.settle()
        return room.failing

    room = PostRoom({Channel.EMAIL: Flaky()}, lambda: clock[0])
    assert tried(known=True) == frozenset()
    assert tried(known=False, own=True) == frozenset()
    assert tried(known=True, own=True) == {Channel.EMAIL}
    clock[0] += 600
    assert room.failing == frozenset()
    assert tried(known=True, own=True) == {Channel.EMAIL}
    works[0] = True
    assert tried(known=True) == {Channel.EMAIL}
    assert tried(known=True, own=True) == frozenset()
    room.stop()
