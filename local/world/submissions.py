"""Reading a send request as NotifyNL does: what it demands of the fields, and the words in which it refuses.

Source of rules and wording: the error tables of the GOV.UK Notify REST API documentation and, for phone numbers and
postal addresses, the Dutch edition.
"""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Payload = Mapping[str, Any]

SMS_MAX_CHARACTERS = 918
REFERENCE_MAX_CHARACTERS = 1_000
ADDRESS_KEYS = tuple(f"address_line_{n}" for n in range(1, 7))
ADDRESS_MIN_LINES, ADDRESS_MAX_LINES = 3, 6


class Template(NamedTuple):
    """A message with ((fields)); `type` is email, sms or letter, and an SMS has no subject."""

    type: str
    subject: str | None
    body: str


class ApiError(Exception):
    """A refusal in the form of the real API: a status code and one or more pairs of error name and message."""

    def __init__(self, status: int, *errors: tuple[str, str], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.errors = errors
        self.headers = dict(headers or {})

    def body(self) -> dict[str, object]:
        """The JSON body of the answer."""
        return {
            "status_code": self.status,
            "errors": [{"error": error, "message": message} for error, message in self.errors],
        }


def bad_request(message: str) -> ApiError:
    """The request is well-formed, but asks for something that is not there or not allowed."""
    return ApiError(400, ("BadRequestError", message))


def invalid(*messages: str) -> ApiError:
    """One or more fields break a rule."""
    return ApiError(400, *(("ValidationError", message) for message in messages))


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A request that holds, with the template filled in."""

    type: str
    recipient: str
    template_id: str
    subject: str | None
    body: str
    reference: str | None
    address: Mapping[str, str] = field(default_factory=dict)


# Fields ---------------------------------------------------------------------------------------------------------------

Rule = Callable[[Any], str | None]
"""Says what is wrong with a value, as it follows the field's name in a message, or None."""


def _of_type(python_type: type, json_type: str, then: Rule = lambda _: None) -> Rule:
    def rule(value: Any) -> str | None:
        return then(value) if isinstance(value, python_type) else f"{value} is not of type {json_type}"

    return rule


def _email_fault(value: str) -> str | None:
    return None if EMAIL.fullmatch(value) and ".." not in value else "Not a valid email address"


def _phone_fault(value: str) -> str | None:
    """Dutch mobile numbers, in national or international form."""
    if re.search(r"[^\d\s()+.\-]", value):
        return "Must not contain letters or symbols"
    digits = re.sub(r"^(0031|31)?0?", "", re.sub(r"\D", "", value))
    if len(digits) != DUTCH_NUMBER_DIGITS:
        return "Not enough digits" if len(digits) < DUTCH_NUMBER_DIGITS else "Too many digits"
    return None if digits.startswith("6") else "Not a dutch mobile number"


def _uuid_fault(value: str) -> str | None:
    return None if is_uuid(value) else "is not a valid UUID"


def _reference_fault(value: str) -> str | None:
    return f"{value} is too long" if len(value) > REFERENCE_MAX_CHARACTERS else None


EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,63}", re.IGNORECASE)
DUTCH_NUMBER_DIGITS = 9

RULES: dict[str, Rule] = {
    "email_address": _of_type(str, "string", _email_fault),
    "phone_number": _of_type(str, "string", _phone_fault),
    "template_id": _of_type(str, "string", _uuid_fault),
    "reference": _of_type(str, "string", _reference_fault),
    "personalisation": _of_type(dict, "object"),
    "email_reply_to_id": _of_type(str, "string", _uuid_fault),
    "sms_sender_id": _of_type(str, "string", _uuid_fault),
    "one_click_unsubscribe_url": _of_type(str, "string"),
    "sanitise_content_for": _of_type(list, "array"),
}

REQUIRED = {
    "email": ("email_address", "template_id"),
    "sms": ("phone_number", "template_id"),
    "letter": ("template_id", "personalisation"),
}
OPTIONAL = {
    "email": (
        "reference",
        "personalisation",
        "email_reply_to_id",
        "one_click_unsubscribe_url",
        "sanitise_content_for",
    ),
    "sms": ("reference", "personalisation", "sms_sender_id"),
    "letter": ("reference",),
}


def is_uuid(value: str) -> bool:
    """Whether the text is a UUID in any of its usual notations."""
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True


def _field_faults(type_: str, payload: Payload) -> Iterator[str]:
    """All that is wrong with the fields at once, as the real API reports it."""
    allowed = REQUIRED[type_] + OPTIONAL[type_]
    yield from (f"{name} is a required property" for name in REQUIRED[type_] if name not in payload)
    unexpected = [name for name in payload if name not in allowed]
    if unexpected:
        yield unexpected_properties(unexpected)
    for name in allowed:
        fault = RULES[name](payload[name]) if name in payload else None
        if fault:
            yield f"{name} {fault}"


def unexpected_properties(names: list[str]) -> str:
    """The message for fields or parameters that the API does not know."""
    verb = "was" if len(names) == 1 else "were"
    return f"Additional properties are not allowed ({', '.join(names)} {verb} unexpected)"


# Templates ------------------------------------------------------------------------------------------------------------

PLACEHOLDER = re.compile(r"\(\(([^()?]+)(?:\?\?([^()]*))?\)\)")
"""((naam)), or ((naam??text shown when naam is yes))."""

SHOWN_WHEN = {"yes", "y", "true", "t", "1", "include", "show"}


def _same_name(name: str) -> str:
    """Field names match without regard to case, spaces, underscores and hyphens."""
    return re.sub(r"[\s_-]", "", name).lower()


def _missing(text: str, values: Mapping[str, str]) -> list[str]:
    names = (match[1].strip() for match in PLACEHOLDER.finditer(text))
    return list(dict.fromkeys(name for name in names if _same_name(name) not in values))


def _filled(text: str, values: Mapping[str, str]) -> str:
    def replacement(match: re.Match[str]) -> str:
        value, conditional_text = values[_same_name(match[1])], match[2]
        if conditional_text is None:
            return value
        return conditional_text if value.lower() in SHOWN_WHEN else ""

    return PLACEHOLDER.sub(replacement, text)


def _template(type_: str, template_id: str, templates: Mapping[str, Template]) -> Template:
    template = templates.get(str(uuid.UUID(template_id)))
    if template is None:
        raise bad_request("Template not found")
    if template.type != type_:
        raise bad_request(f"{template.type} template is not suitable for {type_} notification")
    return template


# Postal addresses -----------------------------------------------------------------------------------------------------

POSTCODE_AND_PLACE = re.compile(r"[1-9]\d{3}\s?[a-z]{2}\s+\S.*", re.IGNORECASE)


def _address(personalisation: Payload) -> dict[str, str]:
    """The address lines that say something, under their own names."""
    keys = ADDRESS_KEYS if "address_line_6" in personalisation else (*ADDRESS_KEYS[:5], "postcode")
    lines = {key: str(personalisation.get(key) or "").strip() for key in keys}
    return {key: line for key, line in lines.items() if line}


def _check_address(address: Mapping[str, str]) -> None:
    if len(address) < ADDRESS_MIN_LINES:
        raise invalid(f"Address must be at least {ADDRESS_MIN_LINES} lines")
    if not any(POSTCODE_AND_PLACE.fullmatch(line) for line in address.values()):
        # The Dutch edition looks for a postcode with a place, and still words the refusal in the British way.
        raise invalid("Must be a real UK postcode")
    if any(line.startswith(tuple('@()=[]"\\/,<>~')) for line in address.values()):
        raise invalid("Address lines must not start with any of the following characters: @ ( ) = [ ] ” \\ / , < >")


# The request ----------------------------------------------------------------------------------------------------------


def read_submission(type_: str, payload: object, templates: Mapping[str, Template]) -> Submission:
    """Check the request in the order of the real API: fields, template, content, address. Raises ApiError."""
    if not isinstance(payload, dict):
        raise invalid(f"{payload} is not of type object")
    faults = list(_field_faults(type_, payload))
    if faults:
        raise invalid(*faults)
    template = _template(type_, payload["template_id"], templates)
    subject, body = _content(template, payload.get("personalisation", {}))
    address = _address(payload["personalisation"]) if type_ == "letter" else {}
    if type_ == "letter":
        _check_address(address)
    return Submission(
        type=type_,
        recipient=payload.get("email_address") or payload.get("phone_number") or next(iter(address.values())),
        template_id=str(uuid.UUID(payload["template_id"])),
        subject=subject,
        body=body,
        reference=payload.get("reference"),
        address=address,
    )


def _content(template: Template, personalisation: Payload) -> tuple[str | None, str]:
    values = {_same_name(name): str(value) for name, value in personalisation.items() if value is not None}
    missing = _missing(f"{template.subject or ''}{template.body}", values)
    if missing:
        raise bad_request(f"Missing personalisation: {', '.join(missing)}")
    subject = None if template.subject is None else _filled(template.subject, values)
    body = _filled(template.body, values)
    _check_length(template.type, body)
    return subject, body


def _check_length(type_: str, body: str) -> None:
    if not body.strip():
        raise bad_request("Your message is empty.")
    if type_ == "sms" and len(body) > SMS_MAX_CHARACTERS:
        raise bad_request(
            f"Your message is too long. Text messages cannot be longer than {SMS_MAX_CHARACTERS} characters. "
            f"Your message is {len(body)} characters long."
        )
