"""Automatic answers (RFC 3834): out of office, holidays, "please confirm that you are a person".

`X-Auto-Response-Suppress` is no sign of one: it is what somebody asks of others.
"""

from __future__ import annotations

import re

from shared.bounces.reading.message import Message, Understood
from shared.bounces.report import Kind

_ITS_OWN = frozenset(
    {
        "x-autoreply",
        "x-auto-reply",
        "x-autoreply-from",
        "x-autorespond",
        "x-autoresponder",
        "x-auto-response",
        "x-mail-autoreply",
        "x-ms-exchange-inbox-rules-loop",
        # Challenges: whoever sent is to prove to be a person.
        "x-boxbe-confirm",
        "x-spamarrest-noauth",
        "x-tmda-confirm",
    }
)
_PRECEDENCE = frozenset({"auto_reply", "auto-reply", "autoreply", "bulk", "junk"})
# Whole phrases: "I am on your list" and "Ich bin nicht zufrieden" are people's.
_SUBJECT = re.compile(
    r"\s*(?:(?:re|aw|sv|vs|rv)\s*:\s*)?\W{0,3}(?:"
    r"auto(?:matic)?[ -]?(?:reply|response|responder)|automated (?:reply|response)"
    r"|out of (?:the )?office|\booo\b|on vacation|vacation (?:reply|response|notice)"
    r"|i am (?:away|out of|on (?:vacation|leave|holidays?))|away from (?:my |the )?(?:desk|office)"
    r"|automatische (?:antwort|r[üu]ckantwort)|autoantwort"
    r"|abwesend|abwesenheit(?:s?(?:notiz|nachricht|meldung|agent|assistent)|\s*(?::|$))"
    r"|ich bin (?:derzeit |zurzeit |zur zeit )?(?:nicht (?:im|da\b|erreichbar)|im urlaub)"
    r"|r[ée]ponse automatique|absence\s*(?::|$|du bureau)|absente? du|en cong[ée]s?\b"
    r"|(?:message|notification|avis) d['’]absence"
    r"|respuesta autom[áa]tica|fuera de (?:la )?oficina|ausente\s*(?::|$)"
    r"|risposta automatica|fuori (?:sede|ufficio)|assente\s*(?::|$|dal)"
    r"|resposta autom[áa]tica|fora do escrit[óo]rio"
    r"|automatisch antwoord|afwezig(?:heids\w*)?\s*(?::|$)|niet aanwezig"
    r"|autosvar|automatiskt? svar|fr[åa]nvaro\w*\s*(?::|$)|frav[æa]r\s*(?::|$)"
    r"|automaattinen vastaus|poissa toimistosta"
    r"|automatyczna odpowied[źz]|autoodpowied[źz]|nieobecno[śs][ćc]\s*(?::|$)"
    r"|automatick[áa] odpov|mimo kancel[áa][řr]"
    r"|otomatik yan[ıi]t|automatikus v[áa]lasz|r[ăa]spuns automat"
    r"|автоматический ответ|автоответ|автоматична відповідь|нет на месте"
    r"|αυτόματη απάντηση|מענה אוטומטי|رد تلقائي"
    r"|自動(?:返信|応答|回覆)|自动(?:回复|答复)|不在(?:通知|のお知らせ|です)|자동 ?(?:회신|응답)"
    r")",
    re.IGNORECASE,
)


def read(message: Message) -> Understood | None:
    """Whether a machine has answered in somebody's name; what a mail server writes is no answer."""
    if message.is_of_a_mail_server or not _is_automatic(message):
        return None
    return Understood(Kind.AUTOREPLY)


def _is_automatic(message: Message) -> bool:
    header = message.header
    submitted = header.first("auto-submitted").split(";")[0].split("(")[0].strip().lower()
    if submitted and submitted != "no":
        return True
    if not _ITS_OWN.isdisjoint(header.names()):
        return True
    precedence = header.first("precedence", "x-precedence", "preference").strip().lower()
    if precedence in _PRECEDENCE:
        return True
    return _SUBJECT.match(message.subject) is not None
