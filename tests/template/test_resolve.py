"""The resolver leaves nothing to fill in, and refuses what it cannot know."""

import json
from typing import Any

import pytest

from local.resolve import Resolved, Surroundings, Unresolvable, resolve
from local.template import EXAMPLE_PARAMETERS, load, translate

VARIANTS = ("ond", "centraal-register")


@pytest.fixture(scope="module", params=VARIANTS)
def real(request: pytest.FixtureRequest) -> Resolved:
    parameters = {**EXAMPLE_PARAMETERS, "Variant": request.param}
    return resolve(translate(load(), parameters), parameters)


def _resolved(resources: dict[str, Any], **sections: Any) -> Resolved:
    """A small template, resolved with the parameters' defaults."""
    return resolve({"Parameters": {}, "Resources": resources, **sections}, {})


def _value(value: Any, **sections: Any) -> Any:
    """One value, in the output of a template."""
    others = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "post"}}}
    return _resolved(others, Outputs={"It": {"Value": value}}, **sections).outputs["It"]


def test_both_variants_of_the_real_template_resolve_completely(real: Resolved) -> None:
    text = json.dumps([[resource.properties for resource in real.resources.values()], real.outputs])
    for left in ('"Ref"', '"Fn::', "${", "AWS::NoValue"):
        assert left not in text
    assert len(real.of_type("AWS::Lambda::Function")) >= 14


def test_resources_of_a_false_condition_are_not_there() -> None:
    found = {}
    for variant in VARIANTS:
        parameters = {**EXAMPLE_PARAMETERS, "Variant": variant}
        resolved = resolve(translate(load(), parameters), parameters)
        paths = resolved.resources["Api"].properties["Body"]["paths"]
        found[variant] = ("ProfielRegister" in resolved.resources, "/v1/partijen/_zoek" in paths)
    assert found == {"ond": (False, False), "centraal-register": (True, True)}


def test_names_and_arns_follow_from_the_template(real: Resolved) -> None:
    queue = real.resources["RouteringQueue"]
    assert queue.ref == "https://sqs.eu-west-1.amazonaws.com/123456789012/ond-routering"
    assert queue.arn == "arn:aws:sqs:eu-west-1:123456789012:ond-routering"
    environment = real.resources["Routering"].properties["Environment"]["Variables"]
    assert environment["PROFIEL_OPVRAGEN_FUNCTION"] == real.resources["ProfielOpvragen"].arn
    assert environment["NOTIFICATIES_TABLE"] == "ond-notificaties"


def test_generated_ids_are_the_same_every_time_and_give_way_to_real_ones() -> None:
    template = {
        "Parameters": {},
        "Resources": {"Key": {"Type": "AWS::KMS::Key"}},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}}, "Id": {"Value": {"Ref": "Key"}}},
    }
    assert resolve(template, {}).outputs == resolve(template, {}).outputs
    real = resolve(template, {}, physical={"Key": {"Ref": "1234"}})
    assert real.outputs == {"Arn": "arn:aws:kms:eu-west-1:123456789012:key/1234", "Id": "1234"}
    told = resolve(template, {}, physical={"Key": {"Ref": "1234", "Arn": "arn:elsewhere"}})
    assert told.outputs["Arn"] == "arn:elsewhere"
    with pytest.raises(Unresolvable, match="Lock"):
        resolve(template, {}, physical={"Lock": {"Ref": "1"}})


def test_the_stack_may_stand_elsewhere() -> None:
    surroundings = Surroundings(account="999999999999", region="eu-central-1", stack_name="proef")
    value = {"Fn::Sub": "${AWS::StackName} ${AWS::Region} ${AWS::AccountId}"}
    resolved = resolve(
        {"Parameters": {}, "Resources": {}, "Outputs": {"It": {"Value": value}}}, {}, surroundings=surroundings
    )
    assert resolved.outputs["It"] == "proef eu-central-1 999999999999"


_CONDITIONS = {"Yes": {"Fn::Equals": ["a", "a"]}, "No": {"Fn::Not": [{"Condition": "Yes"}]}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Fn::GetAtt": ["Queue", "QueueName"]}, "post"),
        ({"Fn::GetAtt": "Queue.QueueName"}, "post"),
        ({"Fn::Sub": "a ${Queue.QueueName} ${!Literal}"}, "a post ${Literal}"),
        ({"Fn::Sub": ["${x}${AWS::Region}", {"x": {"Fn::GetAtt": ["Queue", "QueueName"]}}]}, "posteu-west-1"),
        ({"Fn::Join": ["-", ["a", 1, True, {"Ref": "AWS::Region"}]]}, "a-1-true-eu-west-1"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "a,b,c"]}]}, "b"),
        ({"Fn::FindInMap": ["Map", {"Ref": "AWS::Region"}, "size"]}, 7),
        ({"Fn::If": ["Yes", "then", {"Fn::Unknown": 1}]}, "then"),
        ({"Fn::If": ["No", {"Ref": "Nobody"}, "else"]}, "else"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Fn::If": ["No", 2, {"Ref": "AWS::NoValue"}]}]}, {"b": [1]}),
        ({"Fn::Base64": "hallo"}, "aGFsbG8="),
        ({"Condition": {"StringEquals": {"a": "b"}}}, {"Condition": {"StringEquals": {"a": "b"}}}),
    ],
)
def test_intrinsic_functions_have_their_value(value: Any, expected: Any) -> None:
    assert _value(value, Conditions=_CONDITIONS, Mappings={"Map": {"eu-west-1": {"size": 7}}}) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"Fn::ImportValue": "elsewhere"}, "Outputs.It.Value.Fn::ImportValue: .*not known"),
        ({"Fn::GetAZs": ""}, "not known"),
        ({"Ref": "Nobody"}, "no parameter or resource Nobody"),
        ({"Ref": "Queue", "Fn::Sub": "x"}, "beside"),
        ({"Fn::GetAtt": ["Queue", "Colour"]}, "Colour of AWS::SQS::Queue is not known"),
        ({"Fn::GetAtt": ["Queue"]}, "2 arguments"),
        ({"Fn::Sub": "${Nobody}"}, "Nobody"),
        ({"Fn::Sub": "${Queue.Colour}"}, "Colour"),
        ({"Fn::Join": ["", [["a"]]]}, "not text"),
        ({"Fn::Join": ["", {"Ref": "AWS::NoValue"}]}, "not a list"),
        ({"Fn::Select": [3, ["a"]]}, "no entry 3"),
        ({"Fn::FindInMap": ["Map", "a", "b"]}, "no Map"),
        ({"Fn::If": ["Perhaps", 1, 2]}, "no condition Perhaps"),
        ({"Fn::If": [{"Fn::Equals": [1, 1]}, 1, 2]}, "no condition"),
        ("{{resolve:ssm:name}}", "dynamic reference"),
        ({1, 2}, "no value of a template"),
    ],
)
def test_what_cannot_be_known_raises_with_its_place(value: Any, reason: str) -> None:
    with pytest.raises(Unresolvable, match=reason):
        _value(value)


def test_what_does_not_exist_cannot_be_referred_to() -> None:
    resources = {
        "Gone": {"Type": "AWS::SQS::Queue", "Condition": "No", "Properties": {"QueueName": "gone"}},
        "User": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "Gone"}}},
    }
    with pytest.raises(Unresolvable, match="Gone does not exist"):
        _resolved(resources, Conditions=_CONDITIONS)


def test_resources_of_other_kinds_exist_but_cannot_be_referred_to() -> None:
    resources = {"Odd": {"Type": "Custom::Odd", "Properties": {"a": 1}}}
    assert _resolved(resources).resources["Odd"].properties == {"a": 1}
    with pytest.raises(Unresolvable, match="Custom::Odd"):
        _resolved(resources, Outputs={"It": {"Value": {"Ref": "Odd"}}})


def test_a_property_that_changes_the_arn_makes_it_unknown() -> None:
    rule = {"Type": "AWS::Events::Rule", "Properties": {"Name": "r", "EventBusName": "bus"}}
    assert _resolved({"Rule": rule}).resources["Rule"].attributes == {}
    with pytest.raises(Unresolvable, match="Arn"):
        _resolved({"Rule": rule}, Outputs={"It": {"Value": {"Fn::GetAtt": ["Rule", "Arn"]}}})


def test_what_depends_on_itself_is_refused() -> None:
    names = {
        "A": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "B"}}},
        "B": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "A"}}},
    }
    with pytest.raises(Unresolvable, match="depends on itself"):
        _resolved(names)
    with pytest.raises(Unresolvable, match="depends on itself"):
        _resolved({}, Conditions={"A": {"Condition": "B"}, "B": {"Fn::Not": [{"Condition": "A"}]}})


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]}, True),
        ({"Fn::Equals": [True, "true"]}, True),
        ({"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]}, False),
        ({"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]}, True),
        ({"Fn::Not": [{"Fn::Equals": ["a", "b"]}]}, True),
    ],
)
def test_conditions_hold_or_not(condition: Any, holds: bool) -> None:
    assert _resolved({}, Conditions={**_CONDITIONS, "It": condition}).conditions["It"] is holds


@pytest.mark.parametrize(
    "condition", [True, {"Fn::Contains": []}, {"Fn::Equals": ["a"]}, {"Fn::Equals": [{"Ref": "Queue"}, "a"]}]
)
def test_no_condition_is_guessed(condition: Any) -> None:
    with pytest.raises(Unresolvable, match=r"Conditions\.It"):
        _value("x", Conditions={"It": condition})


@pytest.mark.parametrize(
    ("declaration", "value", "expected"),
    [
        ({"Type": "String", "Default": "a"}, None, "a"),
        ({"Type": "Number", "Default": 3}, None, "3"),
        ({"Type": "CommaDelimitedList"}, "a, b", ["a", "b"]),
        ({"Type": "String", "AllowedValues": ["a", "b"]}, "b", "b"),
    ],
)
def test_parameters_have_the_value_given_or_their_default(
    declaration: dict[str, Any], value: str | None, expected: Any
) -> None:
    template = {"Parameters": {"P": declaration}, "Resources": {}, "Outputs": {"It": {"Value": {"Ref": "P"}}}}
    assert resolve(template, {} if value is None else {"P": value}).outputs["It"] == expected


@pytest.mark.parametrize(
    ("declaration", "value"),
    [
        ({"Type": "String", "AllowedValues": ["a", "b"]}, "c"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "a1"),
        ({"Type": "Number", "MaxValue": 3}, "4"),
        ({"Type": "String", "MinLength": 1}, ""),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, "x"),
    ],
)
def test_parameters_must_be_as_declared(declaration: dict[str, Any], value: str) -> None:
    with pytest.raises(Unresolvable, match=r"Parameters\.P"):
        resolve({"Parameters": {"P": declaration}, "Resources": {}}, {"P": value})
