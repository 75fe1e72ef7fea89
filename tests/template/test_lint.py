"""What CloudFormation gets, checked against its own specification."""

import json

from cfnlint.api import lint

from local.engine import REGION
from local.template import EXAMPLE_PARAMETERS, load, translate

#: SAM repeats the condition of a variant-only function around its path, its method and its URI, so the inner two can
#: never be false. That is SAM's way of writing it and nothing in our template.
UNREACHABLE_INNER_CONDITION = "W1028"


def test_what_is_deployed_has_no_error_and_no_warning() -> None:
    translated = translate(load(), EXAMPLE_PARAMETERS)
    found = lint(json.dumps(translated), regions=[REGION])
    assert [f"{match.rule.id} {match.message}" for match in found if match.rule.id != UNREACHABLE_INNER_CONDITION] == []


def test_both_variants_are_one_template() -> None:
    """So checking it once is checking both: conditions, and not the translation, make the difference."""
    ond, register = (
        translate(load(), {**EXAMPLE_PARAMETERS, "Variant": variant}) for variant in ("ond", "centraal-register")
    )
    assert ond == register
