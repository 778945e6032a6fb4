"""Automatic answers (RFC 3834): out of office, holidays, "please confirm that you are a person".

`X-Auto-Response-Suppress` is no sign of one: it is what somebody asks of others.
"""

from __future__ import annotations

import re

from shared.bounces.reading.fields import Fields
from shared.bounces.reading.text import unencoded

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
_SUBJECT = re.compile(
    r"\s*(?:(?:re|aw|sv|vs|rv)\s*:\s*)?\W{0,3}(?:"
    r"auto(?:matic)?[ -]?(?:reply|response|responder)|automated (?:reply|response)"
    r"|out of (?:the )?office|\booo\b|on vacation|vacation (?:reply|response|notice)"
    r"|i am (?:away|on|out)|away from"
    r"|automatische (?:antwort|r[üu]ckantwort)|autoantwort|abwesen|ich bin (?:nicht|im urlaub)"
    r"|r[ée]ponse automatique|absence|absent|en cong[ée]"
    r"|respuesta autom[áa]tica|fuera de (?:la )?oficina|ausente"
    r"|risposta automatica|fuori (?:sede|ufficio)|assente"
    r"|resposta autom[áa]tica|fora do escrit[óo]rio"
    r"|automatisch antwoord|afwezig|niet aanwezig"
    r"|autosvar|automatisk(?:t)? svar|fr[åa]nvaro|frav[æa]r"
    r"|automaattinen vastaus|poissa"
    r"|automatyczna odpowied[źz]|autoodpowied[źz]|nieobecno"
    r"|automatick[áa] odpov|mimo kancel"
    r"|otomatik yan[ıi]t|automatikus v[áa]lasz|r[ăa]spuns automat"
    r"|автоматический ответ|автоответ|автоматична відповідь|нет на месте"
    r"|αυτόματη απάντηση|מענה אוטומטי|رد تلقائي"
    r"|自動(?:返信|応答|回覆)|自动(?:回复|答复)|不在|자동 ?(?:회신|응답)"
    r")",
    re.IGNORECASE,
)


def is_automatic(header: Fields) -> bool:
    """Whether a machine has answered in somebody's name."""
    submitted = header.first("auto-submitted").split(";")[0].split("(")[0].strip().lower()
    if submitted and submitted != "no":
        return True
    if not _ITS_OWN.isdisjoint(header.names()):
        return True
    precedence = header.first("precedence", "x-precedence", "preference").strip().lower()
    if precedence in _PRECEDENCE:
        return True
    return _SUBJECT.match(unencoded(header.first("subject"))) is not None
