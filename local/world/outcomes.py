"""Which recipient meets which fate: one table, shown on the inbox page.

GOV.UK Notify has simulated recipients for the same purpose ("temp-fail@simulator.notify"); here the choice is wider.
"""

import re
from dataclasses import dataclass

DELIVERED = "delivered"
TEMPORARY_FAILURE = "temporary-failure"
PERMANENT_FAILURE = "permanent-failure"
TECHNICAL_FAILURE = "technical-failure"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The fate of a message.

    `statuses` holds the final status of the first send to an address, of the second, and so on; the last one stays.
    `refused_with` answers the first `refusals` requests for a reference, which are then not accepted.
    `first_answer_lost` accepts the message and loses the answer to the first request for its reference.
    """

    keyword: str
    sms_ending: str
    uitleg: str
    statuses: tuple[str, ...] = (DELIVERED,)
    receipt: bool = True
    refused_with: int | None = None
    refusals: int = 0
    first_answer_lost: bool = False

    def status_of_send(self, nth: int) -> str:
        """Final status of the nth send (from 1) to an address."""
        return self.statuses[min(nth, len(self.statuses)) - 1]


OTHERWISE = Outcome(keyword="", sms_ending="", uitleg="Bezorgd, met ontvangstbevestiging.")

OUTCOMES = (
    Outcome(
        keyword="permanent-failure",
        sms_ending="001",
        uitleg="Geaccepteerd, daarna blijvend onbestelbaar.",
        statuses=(PERMANENT_FAILURE,),
    ),
    Outcome(
        keyword="temporary-failure",
        sms_ending="002",
        uitleg="Geaccepteerd, daarna elke keer tijdelijk onbestelbaar.",
        statuses=(TEMPORARY_FAILURE,),
    ),
    Outcome(
        keyword="temporary-then-delivered",
        sms_ending="003",
        uitleg="De eerste keer naar dit adres tijdelijk onbestelbaar, daarna bezorgd.",
        statuses=(TEMPORARY_FAILURE, DELIVERED),
    ),
    Outcome(
        keyword="no-receipt",
        sms_ending="004",
        uitleg="Bezorgd, maar zonder ontvangstbevestiging; opvragen toont het wel.",
        receipt=False,
    ),
    Outcome(
        keyword="too-many",
        sms_ending="005",
        uitleg="Per referentie tweemaal 429 (te veel verzoeken), daarna bezorgd.",
        refused_with=429,
        refusals=2,
    ),
    Outcome(
        keyword="server-error",
        sms_ending="006",
        uitleg="Per referentie tweemaal 500 (storing), daarna bezorgd.",
        refused_with=500,
        refusals=2,
    ),
    Outcome(
        keyword="times-out",
        sms_ending="007",
        uitleg="Geaccepteerd en bezorgd, maar het eerste antwoord per referentie gaat verloren (504).",
        first_answer_lost=True,
    ),
    Outcome(
        keyword="technical-failure",
        sms_ending="008",
        uitleg="Geaccepteerd, daarna technisch mislukt.",
        statuses=(TECHNICAL_FAILURE,),
    ),
)

BY_KEYWORD = {outcome.keyword: outcome for outcome in OUTCOMES}
BY_SMS_ENDING = {outcome.sms_ending: outcome for outcome in OUTCOMES}


def outcome_for(type_: str, recipient: str) -> Outcome:
    """The fate of a message to this recipient.

    E-mail: what stands before the first `+`, `.` or `@`. SMS: the last three digits. Letter: the first word of the
    first address line, read as for e-mail.
    """
    if type_ == "sms":
        return BY_SMS_ENDING.get(re.sub(r"\D", "", recipient)[-3:], OTHERWISE)
    return BY_KEYWORD.get(re.split(r"[+.@\s]", recipient.strip().lower(), maxsplit=1)[0], OTHERWISE)
