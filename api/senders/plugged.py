"""The senders an installation has, as its settings say: a mail server, an SMS gateway, both or none.

A gateway is code of the operator's, installed beside ours: an entry point in the group `perusal.sms`, named by
`PERUSAL_SMS_SENDER`, that is called without arguments and answers a `Sender` (`message`). None is shipped.
"""

from importlib.metadata import entry_points

from api.senders.message import Channel, Sender, Senders
from api.senders.smtp import Mail, MailServer
from api.setting_texts import SettingsError
from api.settings import Settings

GROUP = "perusal.sms"


def senders_of(settings: Settings) -> Senders:
    """One sender for each channel that is set up; raises SettingsError when a gateway is not there."""
    senders: dict[Channel, Sender] = {}
    if settings.smtp_host:
        senders[Channel.EMAIL] = Mail(_mail_server(settings))
    if settings.sms_sender:
        senders[Channel.SMS] = _gateway(settings.sms_sender)
    return senders


def _mail_server(settings: Settings) -> MailServer:
    return MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        sender=settings.smtp_from,
        tls=settings.smtp_tls,
        user=settings.smtp_user,
        password_file=settings.smtp_password_file,
        ca_file=settings.smtp_ca_file,
    )


def _gateway(name: str) -> Sender:
    for point in entry_points(group=GROUP, name=name):
        made: Sender = point.load()()
        return made
    raise SettingsError("PERUSAL_SMS_SENDER names no installed sender")
