"""The SAM template as data: read, and translated to the CloudFormation that is really deployed."""

import copy
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"

#: What the parameters without a default are when only the shape of the template matters (lint, guard tests, pump).
EXAMPLE_PARAMETERS: Mapping[str, str] = {
    "TokenIssuer": "https://idp.example.nl",
    "TokenJwksUrl": "https://idp.example.nl/jwks.json",
    "NotifyNlTemplateEmail": "11111111-1111-4111-8111-111111111111",
    "NotifyNlTemplateSms": "22222222-2222-4222-8222-222222222222",
    "NotifyNlTemplateBrief": "33333333-3333-4333-8333-333333333333",
}

Template = dict[str, Any]


def load(path: Path = TEMPLATE) -> Template:
    """The template with CloudFormation's short tags (``!Ref``) in their long form."""
    template: Template = yaml_parse(path.read_text())
    return template


def _placeholder(_source: str) -> str:
    return "s3://artifacts/code.zip"


def translate(
    template: Template,
    parameters: Mapping[str, str],
    *,
    artifact: Callable[[str], str] = _placeholder,
    region: str = "eu-west-1",
) -> Template:
    """The CloudFormation template that SAM makes of ``template``.

    ``artifact`` gives the ``s3://`` address for each local source folder (CodeUri, ContentUri), because SAM accepts no
    local ones here; conditions stay in the result, as they do on AWS.
    """
    template = copy.deepcopy(template)
    sources = [template.get("Globals", {}).get("Function", {})]
    sources += [resource.get("Properties", {}) for resource in template["Resources"].values()]
    for properties in sources:
        for key in ("CodeUri", "ContentUri"):
            if isinstance(properties.get(key), str):
                properties[key] = artifact(properties[key])
    # The translator asks boto3 for the region's partition, and for a region only when none is set in the environment.
    with mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": region}):
        return dict(transform(template, {**parameter_values(template, parameters)}, _NoManagedPolicies()))


def parameter_values(template: Template, given: Mapping[str, str]) -> dict[str, str]:
    """Every parameter's value: as given, else its default.

    Raises:
        KeyError: a parameter has neither, or is given without existing; the message names it.
    """
    declared = template["Parameters"]
    if unknown := given.keys() - declared.keys():
        raise KeyError(f"the template has no parameter {', '.join(sorted(unknown))}")
    values = {name: given.get(name, spec.get("Default")) for name, spec in declared.items()}
    if missing := sorted(name for name, value in values.items() if value is None):
        raise KeyError(f"give a value for parameter {', '.join(missing)}")
    return {name: str(value) for name, value in values.items()}


class _NoManagedPolicies:
    """The template uses inline policies only, so no managed policy ever needs looking up."""

    def load(self) -> dict[str, str]:
        return {}
