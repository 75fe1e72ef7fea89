"""What a translated template says once its parameters are known: no condition and no intrinsic function is left.

Physical names stand in the template, so ARNs follow from it; what AWS would generate (key ids, the API's id) gets a
fixed stand-in, or the id of the resource that was really made. Nothing is guessed: what cannot be resolved raises.
"""

import base64
import hashlib
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.template import Template, parameter_values

#: What is physically there: logical id -> ``{"Ref": ..., "Arn": ...}``, taken instead of what would be worked out.
Physical = Mapping[str, Mapping[str, str]]
Path = tuple[str, ...]


class Unresolvable(Exception):
    """Something in the template has no value here; the message names the place in the template."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{'.'.join(path)}: {reason}")
        self.path = path


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Where the stack stands: CloudFormation's pseudo parameters."""

    account: str = "123456789012"
    region: str = "eu-west-1"
    partition: str = "aws"
    url_suffix: str = "amazonaws.com"
    stack_name: str = "ond"

    @property
    def stack_id(self) -> str:
        """ARN of the stack."""
        unique = _uuid(self.stack_name)
        return f"arn:{self.partition}:cloudformation:{self.region}:{self.account}:stack/{self.stack_name}/{unique}"

    def pseudo_parameters(self) -> dict[str, Any]:
        """By the names that templates use."""
        return {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::Partition": self.partition,
            "AWS::URLSuffix": self.url_suffix,
            "AWS::StackName": self.stack_name,
            "AWS::StackId": self.stack_id,
            "AWS::NotificationARNs": [],
            "AWS::NoValue": _NO_VALUE,
        }


@dataclass(frozen=True)
class Resource:
    """One resource that exists with these parameters.

    ``attributes`` is what other resources may refer to: ``Ref`` and what ``Fn::GetAtt`` gives; empty where the kind of
    resource is not in ``KINDS``.
    """

    type: str
    properties: dict[str, Any]
    attributes: Mapping[str, str]

    @property
    def ref(self) -> str:
        """The physical id."""
        return self.attributes["Ref"]

    @property
    def arn(self) -> str:
        """The ARN."""
        return self.attributes["Arn"]


@dataclass(frozen=True)
class Resolved:
    """A template without anything left to fill in."""

    resources: dict[str, Resource]
    outputs: dict[str, Any]
    conditions: dict[str, bool]

    def of_type(self, type_: str) -> dict[str, Resource]:
        """The resources of one type, by logical id, in the template's order."""
        return {name: resource for name, resource in self.resources.items() if resource.type == type_}


def resolve(
    template: Template,
    parameters: Mapping[str, str],
    *,
    surroundings: Surroundings | None = None,
    physical: Physical | None = None,
) -> Resolved:
    """Everything that ``template`` (translated by SAM) makes with these parameters.

    Raises:
        KeyError: a parameter has no value, or is not in the template.
        Unresolvable: the template has something that has no value here.
    """
    resolver = _Resolver(template, parameters, surroundings or Surroundings(), physical or {})
    return Resolved(resolver.resources(), resolver.outputs(), resolver.conditions())


# ---------------------------------------------------------------- kinds of resources


def _digest(seed: str) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()


def _uuid(seed: str) -> str:
    return str(uuid.UUID(_digest(seed)[:32], version=4))


def _unique(seed: str) -> str:
    """As CloudFormation names what has no name: stack, logical id, twelve characters."""
    return f"{seed}-{_digest(seed)[:12].upper()}"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How resources of one type are referred to.

    The patterns know ``{name}`` (property ``named``, else ``generated``), ``{unique}`` (six characters), ``{path}`` and
    the surroundings.
    """

    named: str | None = None
    generated: Callable[[str], str] = _unique
    ref: str = "{name}"
    attributes: Mapping[str, str] = field(default_factory=dict)
    #: Properties that would change the patterns; with one of these the resource cannot be referred to.
    unless: tuple[str, ...] = ()


def _arn(service: str, rest: str) -> str:
    return f"arn:{{partition}}:{service}:{{region}}:{{account}}:{rest}"


def _iam_arn(rest: str) -> str:
    return f"arn:{{partition}}:iam::{{account}}:{rest}"


_SECRET = _arn("secretsmanager", "secret:{name}-{unique}")
_QUEUE_URL = "https://sqs.{region}.{url_suffix}/{account}/{name}"
_TOPIC = _arn("sns", "{name}")
_POLICY = _iam_arn("policy{path}{name}")
_MAPPING = _arn("lambda", "event-source-mapping:{name}")

KINDS: Mapping[str, Kind] = {
    "AWS::ApiGateway::Deployment": Kind(
        generated=lambda seed: _digest(seed)[:6], attributes={"DeploymentId": "{name}"}
    ),
    "AWS::ApiGateway::RestApi": Kind(
        generated=lambda seed: _digest(seed)[:10],
        attributes={"RestApiId": "{name}", "RootResourceId": "{unique}0000"},
    ),
    "AWS::ApiGateway::Stage": Kind(named="StageName"),
    "AWS::CloudWatch::Alarm": Kind(named="AlarmName", attributes={"Arn": _arn("cloudwatch", "alarm:{name}")}),
    "AWS::CloudWatch::CompositeAlarm": Kind(named="AlarmName", attributes={"Arn": _arn("cloudwatch", "alarm:{name}")}),
    "AWS::DynamoDB::Table": Kind(
        named="TableName",
        attributes={
            "Arn": _arn("dynamodb", "table/{name}"),
            "StreamArn": _arn("dynamodb", "table/{name}/stream/2026-01-01T00:00:00.000"),
        },
    ),
    "AWS::Events::Rule": Kind(
        named="Name", attributes={"Arn": _arn("events", "rule/{name}")}, unless=("EventBusName",)
    ),
    "AWS::IAM::ManagedPolicy": Kind(
        named="ManagedPolicyName", ref=_POLICY, attributes={"Arn": _POLICY, "PolicyArn": _POLICY}
    ),
    "AWS::IAM::Role": Kind(named="RoleName", attributes={"Arn": _iam_arn("role{path}{name}")}),
    "AWS::KMS::Alias": Kind(named="AliasName"),
    "AWS::KMS::Key": Kind(generated=_uuid, attributes={"Arn": _arn("kms", "key/{name}"), "KeyId": "{name}"}),
    "AWS::Lambda::EventSourceMapping": Kind(
        generated=_uuid, attributes={"Id": "{name}", "EventSourceMappingArn": _MAPPING}
    ),
    "AWS::Lambda::Function": Kind(named="FunctionName", attributes={"Arn": _arn("lambda", "function:{name}")}),
    "AWS::Lambda::LayerVersion": Kind(
        named="LayerName",
        ref=_arn("lambda", "layer:{name}:1"),
        attributes={"LayerVersionArn": _arn("lambda", "layer:{name}:1")},
    ),
    "AWS::Lambda::Permission": Kind(attributes={"Id": "{name}"}),
    "AWS::Logs::LogGroup": Kind(named="LogGroupName", attributes={"Arn": _arn("logs", "log-group:{name}:*")}),
    "AWS::S3::Bucket": Kind(
        named="BucketName",
        generated=lambda seed: _unique(seed).lower(),
        attributes={
            "Arn": "arn:{partition}:s3:::{name}",
            "DomainName": "{name}.s3.{url_suffix}",
            "RegionalDomainName": "{name}.s3.{region}.{url_suffix}",
        },
    ),
    "AWS::SNS::Topic": Kind(named="TopicName", ref=_TOPIC, attributes={"TopicArn": _TOPIC, "TopicName": "{name}"}),
    "AWS::SQS::Queue": Kind(
        named="QueueName",
        ref=_QUEUE_URL,
        attributes={"Arn": _arn("sqs", "{name}"), "QueueName": "{name}", "QueueUrl": _QUEUE_URL},
    ),
    "AWS::Scheduler::Schedule": Kind(
        named="Name", attributes={"Arn": _arn("scheduler", "schedule/default/{name}")}, unless=("GroupName",)
    ),
    "AWS::SecretsManager::Secret": Kind(named="Name", ref=_SECRET, attributes={"Id": _SECRET}),
}


# ---------------------------------------------------------------- values


class _NoValue:
    """AWS::NoValue: the property or list entry is not there."""

    def __repr__(self) -> str:
        return "AWS::NoValue"


_NO_VALUE = _NoValue()


class _Resolver:
    """Works out values, each at its path in the template."""

    def __init__(
        self, template: Template, parameters: Mapping[str, str], surroundings: Surroundings, physical: Physical
    ) -> None:
        self._template = template
        self._surroundings = surroundings
        self._physical = physical
        self._names = {**surroundings.pseudo_parameters(), **_parameters(template, parameters)}
        self._conditions: dict[str, bool] = {}
        self._attributes: dict[str, dict[str, str]] = {}
        self._busy: list[str] = []
        if unknown := physical.keys() - template["Resources"].keys():
            raise Unresolvable(("Resources",), f"there is no {', '.join(sorted(unknown))} to be physically there")

    # -- the three sections

    def conditions(self) -> dict[str, bool]:
        return {name: self._condition_named(name, ("Conditions",)) for name in self._template.get("Conditions", {})}

    def resources(self) -> dict[str, Resource]:
        return {
            name: Resource(
                type=str(spec["Type"]),
                properties=self._properties(name),
                attributes=self._attributes_of(name) if spec["Type"] in KINDS else {},
            )
            for name, spec in self._template["Resources"].items()
            if self._exists(spec, ("Resources", name))
        }

    def outputs(self) -> dict[str, Any]:
        return {
            name: self.value(spec["Value"], ("Outputs", name, "Value"))
            for name, spec in self._template.get("Outputs", {}).items()
            if self._exists(spec, ("Outputs", name))
        }

    def _properties(self, name: str) -> dict[str, Any]:
        path = ("Resources", name, "Properties")
        properties = self.value(self._template["Resources"][name].get("Properties", {}), path)
        if not isinstance(properties, dict):
            raise Unresolvable(path, "is not a mapping")
        return properties

    def _exists(self, spec: Mapping[str, Any], path: Path) -> bool:
        return "Condition" not in spec or self._condition_named(spec["Condition"], (*path, "Condition"))

    # -- values

    def value(self, node: Any, path: Path) -> Any:
        match node:
            case dict():
                return self._mapping(node, path)
            case list():
                values = (self.value(entry, (*path, str(index))) for index, entry in enumerate(node))
                return [value for value in values if value is not _NO_VALUE]
            case str():
                if "{{resolve:" in node:
                    raise Unresolvable(path, "a dynamic reference is known to CloudFormation only")
                return node
            case bool() | int() | float() | None:
                return node
        raise Unresolvable(path, f"{type(node).__name__} is no value of a template")

    def _mapping(self, node: dict[str, Any], path: Path) -> Any:
        intrinsics = [key for key in node if key == "Ref" or str(key).startswith("Fn::")]
        if not intrinsics:
            values = {key: self.value(entry, (*path, str(key))) for key, entry in node.items()}
            return {key: value for key, value in values.items() if value is not _NO_VALUE}
        name = intrinsics[0]
        if len(node) != 1:
            raise Unresolvable(path, f"{name} stands beside other keys")
        if name not in _INTRINSICS:
            raise Unresolvable((*path, name), "is an intrinsic function that is not known here")
        return _INTRINSICS[name](self, node[name], (*path, name))

    def text(self, node: Any, path: Path) -> str:
        """The value as text, as CloudFormation writes it."""
        match value := self.value(node, path):
            case str():
                return value
            case bool():
                return str(value).lower()
            case int() | float():
                return str(value)
        raise Unresolvable(path, f"{value!r} is not text")

    def list_of(self, node: Any, path: Path) -> list[Any]:
        value = self.value(node, path)
        if not isinstance(value, list):
            raise Unresolvable(path, "is not a list")
        return value

    def arguments(self, node: Any, path: Path, *counts: int) -> list[Any]:
        """The arguments of a function, not yet resolved."""
        if not isinstance(node, list) or len(node) not in counts:
            raise Unresolvable(path, f"takes {' or '.join(map(str, counts))} arguments")
        return node

    # -- intrinsic functions that give a value

    def ref(self, node: Any, path: Path) -> Any:
        if not isinstance(node, str):
            raise Unresolvable(path, "names nothing")
        if node in self._names:
            return self._names[node]
        return self._attribute(node, "Ref", path)

    def get_att(self, node: Any, path: Path) -> str:
        parts = node.split(".", 1) if isinstance(node, str) else node
        logical_id, attribute = self.arguments(parts, path, 2)
        if not isinstance(logical_id, str):
            raise Unresolvable(path, "the resource must be named outright")
        return self._attribute(logical_id, self.text(attribute, path), path)

    def sub(self, node: Any, path: Path) -> str:
        pattern, variables = (node, {}) if isinstance(node, str) else self.arguments(node, path, 2)
        if not isinstance(pattern, str) or not isinstance(variables, dict):
            raise Unresolvable(path, "takes a text, or a text and a mapping")
        here = {name: self.text(value, (*path, name)) for name, value in variables.items()}

        def replacement(found: re.Match[str]) -> str:
            literal, name = found.groups()
            if literal:
                return f"${{{name}}}"
            if name in here:
                return here[name]
            return self.text({"Fn::GetAtt": name} if "." in name else {"Ref": name}, path)

        return re.sub(r"\$\{(!?)([^}]*)\}", replacement, pattern)

    def join(self, node: Any, path: Path) -> str:
        delimiter, parts = self.arguments(node, path, 2)
        return self.text(delimiter, path).join(self.text(part, path) for part in self.list_of(parts, path))

    def split(self, node: Any, path: Path) -> list[str]:
        delimiter, whole = self.arguments(node, path, 2)
        return self.text(whole, path).split(self.text(delimiter, path))

    def select(self, node: Any, path: Path) -> Any:
        index, choices = self.arguments(node, path, 2)
        values, position = self.list_of(choices, path), self.text(index, path)
        if not position.isascii() or not position.isdecimal() or int(position) >= len(values):
            raise Unresolvable(path, f"there is no entry {position} among {len(values)}")
        return values[int(position)]

    def find_in_map(self, node: Any, path: Path) -> Any:
        found: Any = self._template.get("Mappings", {})
        for key in self.arguments(node, path, 3):
            name = self.text(key, path)
            if not isinstance(found, dict) or name not in found:
                raise Unresolvable(path, f"the mapping has no {name}")
            found = found[name]
        return found

    def if_(self, node: Any, path: Path) -> Any:
        name, then, otherwise = self.arguments(node, path, 3)
        holds = self._condition_named(name, path)
        return self.value(then if holds else otherwise, (*path, "1" if holds else "2"))

    def base64(self, node: Any, path: Path) -> str:
        return base64.b64encode(self.text(node, path).encode()).decode()

    # -- conditions

    def _condition_named(self, name: Any, path: Path) -> bool:
        if not isinstance(name, str) or name not in self._template.get("Conditions", {}):
            raise Unresolvable(path, f"there is no condition {name}")
        if name not in self._conditions:
            with _Guard(self._busy, f"condition {name}", path):
                self._conditions[name] = self._condition(self._template["Conditions"][name], ("Conditions", name))
        return self._conditions[name]

    def _condition(self, node: Any, path: Path) -> bool:
        if isinstance(node, dict) and len(node) == 1:
            ((name, arguments),) = node.items()
            if name in _CONDITIONS:
                return _CONDITIONS[name](self, arguments, (*path, name))
        raise Unresolvable(path, "is not a condition that is known here")

    def condition(self, node: Any, path: Path) -> bool:
        return self._condition_named(node, path)

    def equals(self, node: Any, path: Path) -> bool:
        left, right = self.arguments(node, path, 2)
        return self.text(left, path) == self.text(right, path)

    def not_(self, node: Any, path: Path) -> bool:
        return not self._condition(self.arguments(node, path, 1)[0], path)

    def and_(self, node: Any, path: Path) -> bool:
        return all(self._parts(node, path))

    def or_(self, node: Any, path: Path) -> bool:
        return any(self._parts(node, path))

    def _parts(self, node: Any, path: Path) -> list[bool]:
        """All of them worked out, so that a part that cannot be is found whatever the others are."""
        return [self._condition(part, path) for part in self.arguments(node, path, *range(2, 11))]

    # -- references to resources

    def _attribute(self, logical_id: str, attribute: str, path: Path) -> str:
        spec = self._template["Resources"].get(logical_id)
        if spec is None:
            raise Unresolvable(path, f"there is no parameter or resource {logical_id}")
        if path[0] == "Conditions":
            raise Unresolvable(path, f"a condition cannot depend on resource {logical_id}")
        if not self._exists(spec, ("Resources", logical_id)):
            raise Unresolvable(path, f"{logical_id} does not exist with these parameters")
        given = self._physical.get(logical_id, {})
        if attribute in given:
            return given[attribute]
        if spec["Type"] not in KINDS:
            raise Unresolvable(path, f"references to {spec['Type']} are not known here")
        with _Guard(self._busy, logical_id, path):
            known = self._attributes_of(logical_id)
        if attribute not in known:
            raise Unresolvable(path, f"{attribute} of {spec['Type']} is not known here")
        return known[attribute]

    def _attributes_of(self, logical_id: str) -> dict[str, str]:
        """Ref and attributes; empty where a property of the resource makes them unlike ``KINDS``."""
        if logical_id not in self._attributes:
            spec = self._template["Resources"][logical_id]
            kind = KINDS[spec["Type"]]
            patterns = {"Ref": kind.ref, **kind.attributes}
            if any(name in spec.get("Properties", {}) for name in kind.unless):
                patterns = {}
            values = self._pattern_values(logical_id, kind) if patterns else {}
            worked_out = {name: pattern.format_map(values) for name, pattern in patterns.items()}
            self._attributes[logical_id] = {**worked_out, **self._physical.get(logical_id, {})}
        return self._attributes[logical_id]

    def _pattern_values(self, logical_id: str, kind: Kind) -> dict[str, str]:
        surroundings = self._surroundings
        properties = self._template["Resources"][logical_id].get("Properties", {})
        path = ("Resources", logical_id, "Properties")
        seed = f"{surroundings.stack_name}-{logical_id}"
        name: Any = _NO_VALUE
        if kind.named and kind.named in properties:
            name = self.value(properties[kind.named], (*path, kind.named))
        if name is _NO_VALUE:
            name = kind.generated(seed)
        # Where the physical id is known and is the name itself, the ARN follows from that one.
        if kind.ref == "{name}":
            name = self._physical.get(logical_id, {}).get("Ref", name)
        return {
            "name": self.text(name, path),
            "unique": _digest(seed)[:6],
            "path": self.text(properties.get("Path", "/"), (*path, "Path")),
            "account": surroundings.account,
            "region": surroundings.region,
            "partition": surroundings.partition,
            "url_suffix": surroundings.url_suffix,
        }


class _Guard:
    """Refuses to work out what is already being worked out: it depends on itself."""

    def __init__(self, busy: list[str], name: str, path: Path) -> None:
        self._busy, self._name, self._path = busy, name, path

    def __enter__(self) -> None:
        if self._name in self._busy:
            raise Unresolvable(self._path, f"depends on itself: {' -> '.join([*self._busy, self._name])}")
        self._busy.append(self._name)

    def __exit__(self, *_: object) -> None:
        self._busy.pop()


_INTRINSICS: Mapping[str, Callable[[_Resolver, Any, Path], Any]] = {
    "Ref": _Resolver.ref,
    "Fn::GetAtt": _Resolver.get_att,
    "Fn::Sub": _Resolver.sub,
    "Fn::Join": _Resolver.join,
    "Fn::Split": _Resolver.split,
    "Fn::Select": _Resolver.select,
    "Fn::FindInMap": _Resolver.find_in_map,
    "Fn::If": _Resolver.if_,
    "Fn::Base64": _Resolver.base64,
}

_CONDITIONS: Mapping[str, Callable[[_Resolver, Any, Path], bool]] = {
    "Condition": _Resolver.condition,
    "Fn::Equals": _Resolver.equals,
    "Fn::Not": _Resolver.not_,
    "Fn::And": _Resolver.and_,
    "Fn::Or": _Resolver.or_,
}


# ---------------------------------------------------------------- parameters

_LISTS = {"CommaDelimitedList", "List<Number>"}
_SCALARS = {"String", "Number"}

#: What a parameter's declaration may ask of its value.
_CONSTRAINTS: Mapping[str, Callable[[str, Any], bool]] = {
    "AllowedValues": lambda value, allowed: value in [str(choice) for choice in allowed],
    "AllowedPattern": lambda value, pattern: re.fullmatch(pattern, value) is not None,
    "MinLength": lambda value, length: len(value) >= int(length),
    "MaxLength": lambda value, length: len(value) <= int(length),
    "MinValue": lambda value, least: float(value) >= float(least),
    "MaxValue": lambda value, most: float(value) <= float(most),
}


def _parameters(template: Template, given: Mapping[str, str]) -> dict[str, Any]:
    return {name: _parameter(template, name, text) for name, text in parameter_values(template, given).items()}


def _parameter(template: Template, name: str, text: str) -> Any:
    spec, path = template["Parameters"][name], ("Parameters", name)
    if spec["Type"] not in _LISTS | _SCALARS:
        raise Unresolvable(path, f"type {spec['Type']} is known to CloudFormation only")
    values = [part.strip() for part in text.split(",")] if spec["Type"] in _LISTS else [text]
    for constraint, asked in spec.items():
        if constraint in _CONSTRAINTS and not all(_CONSTRAINTS[constraint](value, asked) for value in values):
            raise Unresolvable(path, f"the value is not as {constraint} asks")
    return values if spec["Type"] in _LISTS else text
