"""API Gateway (REST): finds the route in the deployed definition, asks the authorizer, calls the function."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote

from requests.structures import CaseInsensitiveDict

from local.resolve import Resolved, Surroundings
from tests.pump.outcome import Outcome

ANY_METHOD = "x-amazon-apigateway-any-method"

#: What the gateway answers by itself: status and text, where the template says nothing else.
_OWN_RESPONSES = {
    "ACCESS_DENIED": (403, "User is not authorized to access this resource"),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, "Internal server error"),
    "AUTHORIZER_FAILURE": (500, "Internal server error"),
    "INTEGRATION_FAILURE": (502, "Internal server error"),
    "MISSING_AUTHENTICATION_TOKEN": (403, "Missing Authentication Token"),
    "UNAUTHORIZED": (401, "Unauthorized"),
}


@dataclass(frozen=True)
class Response:
    """An answer; header names in any case."""

    status: int
    headers: CaseInsensitiveDict[str]
    body: str

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What came in."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: str | None
    request_id: str


@dataclass(frozen=True)
class _Route:
    resource: str  # for example /v1/notificaties/{notificatieId}
    operation: Mapping[str, Any]
    parameters: Mapping[str, str]


class _Refused(Exception):
    """The gateway answers by itself; ``kind`` is the name of its response."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Gateway:
    """The template's one REST API."""

    def __init__(
        self,
        resolved: Resolved,
        surroundings: Surroundings,
        *,
        invoke: Callable[[str, Any], Outcome],
        now: Callable[[], datetime],
    ) -> None:
        """``invoke`` runs a function, by ARN."""
        ((_, self._api),) = resolved.of_type("AWS::ApiGateway::RestApi").items()
        ((_, stage),) = resolved.of_type("AWS::ApiGateway::Stage").items()
        self._stage: str = stage.properties["StageName"]
        self._surroundings = surroundings
        self._invoke = invoke
        self._now = now
        self._granted: dict[tuple[str, ...], tuple[datetime, Any]] = {}

    def handle(self, request: Request) -> Response:
        """The answer to one request."""
        try:
            route = self._route(request)
            event = self._event(request, route)
            if authorizer := self._authorizer(route):
                event["requestContext"]["authorizer"] = self._authorize(authorizer, request, event)
            integration = route.operation["x-amazon-apigateway-integration"]
            outcome = self._invoke(_function_arn(integration), event)
            return _proxy_response(outcome)
        except _Refused as refusal:
            return self._own_response(refusal.kind, request)

    # -- routes

    def _route(self, request: Request) -> _Route:
        for resource, operations in sorted(self._body["paths"].items(), key=lambda path: _precedence(path[0])):
            parameters = _match(resource, request.path)
            operation = operations.get(request.method.lower(), operations.get(ANY_METHOD))
            if parameters is not None and operation is not None:
                return _Route(resource, operation, parameters)
        raise _Refused("MISSING_AUTHENTICATION_TOKEN")

    @property
    def _body(self) -> Mapping[str, Any]:
        body: Mapping[str, Any] = self._api.properties["Body"]
        return body

    def _event(self, request: Request, route: _Route) -> dict[str, Any]:
        place, api_id, now = self._surroundings, self._api.ref, self._now()
        host = f"{api_id}.execute-api.{place.region}.{place.url_suffix}"
        headers = {
            "Host": host,
            "X-Amzn-Trace-Id": f"Root=1-{int(now.timestamp()):08x}-{request.request_id.replace('-', '')[-24:]}",
            "X-Forwarded-For": "192.0.2.1",
            "X-Forwarded-Port": "443",
            "X-Forwarded-Proto": "https",
            **request.headers,
        }
        return {
            "resource": route.resource,
            "path": request.path,
            "httpMethod": request.method.upper(),
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": {name: values[-1] for name, values in request.query.items()} or None,
            "multiValueQueryStringParameters": {name: list(values) for name, values in request.query.items()} or None,
            "pathParameters": dict(route.parameters) or None,
            "stageVariables": None,
            "requestContext": {
                "accountId": place.account,
                "apiId": api_id,
                "domainName": host,
                "domainPrefix": api_id,
                "extendedRequestId": request.request_id,
                "httpMethod": request.method.upper(),
                "identity": {"sourceIp": "192.0.2.1", "userAgent": request.headers.get("User-Agent")},
                "path": f"/{self._stage}{request.path}",
                "protocol": "HTTP/1.1",
                "requestId": request.request_id,
                "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
                "requestTimeEpoch": int(now.timestamp() * 1000),
                "resourceId": "pump00",
                "resourcePath": route.resource,
                "stage": self._stage,
            },
            "body": request.body,
            "isBase64Encoded": False,
        }

    # -- who may

    def _authorizer(self, route: _Route) -> Mapping[str, Any] | None:
        """The authorizer of a route; a security requirement without a scheme (SAM's NONE) asks for none."""
        schemes = self._body.get("components", {}).get("securitySchemes", {})
        for requirement in route.operation.get("security", []):
            for name in requirement:
                if name in schemes:
                    authorizer: Mapping[str, Any] = schemes[name]["x-amazon-apigateway-authorizer"]
                    if authorizer["type"] != "request":
                        raise NotImplementedError(f"authorizer {name} is of type {authorizer['type']}")
                    return authorizer
        return None

    def _authorize(self, authorizer: Mapping[str, Any], request: Request, event: Mapping[str, Any]) -> dict[str, Any]:
        """The authorizer's context for the function. Its answer is remembered as long as the template says.

        Raises:
            _Refused: not allowed.
        """
        sent = CaseInsensitiveDict(request.headers)
        sources = [source.strip() for source in authorizer.get("identitySource", "").split(",") if source.strip()]
        identity = tuple(sent.get(source.removeprefix("method.request.header.")) or "" for source in sources)
        if not all(identity):
            raise _Refused("UNAUTHORIZED")
        key = (authorizer["authorizerUri"], *identity)
        expires, answer = self._granted.get(key, (self._now(), None))
        if expires <= self._now():
            answer = self._ask(authorizer, event)
            ttl = timedelta(seconds=int(authorizer.get("authorizerResultTtlInSeconds", 300)))
            self._granted[key] = (self._now() + ttl, answer)
        if not _allows(answer, self._method_arn(event)):
            raise _Refused("ACCESS_DENIED")
        return {"principalId": answer["principalId"], "integrationLatency": 0, **_context(answer)}

    def _ask(self, authorizer: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
        left_out = ("body", "isBase64Encoded")
        question = {name: value for name, value in event.items() if name not in left_out}
        outcome = self._invoke(
            _arn_in(authorizer["authorizerUri"]),
            {"type": "REQUEST", "methodArn": self._method_arn(event), **question},
        )
        if outcome.error is not None:
            raise _Refused("UNAUTHORIZED" if str(outcome.error) == "Unauthorized" else "AUTHORIZER_FAILURE")
        if not isinstance(outcome.value, dict) or not {"principalId", "policyDocument"} <= outcome.value.keys():
            raise _Refused("AUTHORIZER_CONFIGURATION_ERROR")
        return outcome.value

    def _method_arn(self, event: Mapping[str, Any]) -> str:
        place = self._surroundings
        return (
            f"arn:{place.partition}:execute-api:{place.region}:{place.account}:{self._api.ref}"
            f"/{self._stage}/{event['httpMethod']}{event['path']}"
        )

    # -- what the gateway says itself

    def _own_response(self, kind: str, request: Request) -> Response:
        """As the template words it (GatewayResponses), else as API Gateway does."""
        status, text = _OWN_RESPONSES[kind]
        worded = self._body.get("x-amazon-apigateway-gateway-responses", {})
        wording = worded.get(kind) or worded.get(f"DEFAULT_{status // 100}XX", {})
        media_type, template = next(
            iter(wording.get("responseTemplates", {}).items()),
            ("application/json", '{"message":$context.error.messageString}'),
        )
        headers = CaseInsensitiveDict({"Content-Type": media_type, "x-amzn-RequestId": request.request_id})
        for name, value in wording.get("responseParameters", {}).items():
            headers[name.removeprefix("gatewayresponse.header.")] = value.removeprefix("'").removesuffix("'")
        body = template.replace("$context.error.messageString", json.dumps(text))
        return Response(int(wording.get("statusCode", status)), headers, body)


def query_of(path: str, query: Mapping[str, str | Sequence[str]] | None) -> tuple[str, dict[str, Sequence[str]]]:
    """The path without its query, and all query parameters, from the path and given apart."""
    bare, _, text = path.partition("?")
    values: dict[str, Sequence[str]] = {**parse_qs(text, keep_blank_values=True)}
    for name, value in (query or {}).items():
        values[name] = [value] if isinstance(value, str) else list(value)
    return bare, values


def _precedence(resource: str) -> tuple[int, ...]:
    """Fixed segments before parameters, parameters before what takes the rest."""
    return tuple(2 if part.endswith("+}") else int(part.startswith("{")) for part in resource.split("/"))


def _match(resource: str, path: str) -> dict[str, str] | None:
    """The path's parameters, or None where it is not a path of this resource."""
    found = re.fullmatch("/".join(_segments(resource)), path)
    return {name: unquote(value) for name, value in found.groupdict().items()} if found else None


def _segments(resource: str) -> Iterator[str]:
    for part in resource.split("/"):
        if part.startswith("{"):
            name = part.strip("{}+")
            yield f"(?P<{name}>.+)" if part.endswith("+}") else f"(?P<{name}>[^/]+)"
        else:
            yield re.escape(part)


def _function_arn(integration: Mapping[str, Any]) -> str:
    if integration["type"] != "aws_proxy":
        raise NotImplementedError(f"integration of type {integration['type']}")
    return _arn_in(integration["uri"])


def _arn_in(uri: str) -> str:
    found = re.fullmatch(r".*:path/2015-03-31/functions/([^/]+)/invocations", uri)
    assert found, f"{uri} is no address of a function"
    return found[1]


def _allows(answer: Mapping[str, Any], method_arn: str) -> bool:
    effects = {
        statement["Effect"]
        for statement in _listed(answer["policyDocument"]["Statement"])
        if _matches(statement["Action"], "execute-api:Invoke") and _matches(statement["Resource"], method_arn)
    }
    return effects == {"Allow"}


def _matches(patterns: Any, value: str) -> bool:
    expressions = (re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".") for pattern in _listed(patterns))
    return any(re.fullmatch(expression, value, re.IGNORECASE) for expression in expressions)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _context(answer: Mapping[str, Any]) -> dict[str, str]:
    """API Gateway passes text only, and refuses what has an inside."""
    context = answer.get("context") or {}
    if any(isinstance(value, dict | list) for value in context.values()):
        raise _Refused("AUTHORIZER_CONFIGURATION_ERROR")
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in context.items()}


def _proxy_response(outcome: Outcome) -> Response:
    """The function's answer, if it is one."""
    value = outcome.value
    if outcome.error is not None or not isinstance(value, dict) or not isinstance(value.get("statusCode"), int):
        raise _Refused("INTEGRATION_FAILURE")
    body = value.get("body") or ""
    if not isinstance(body, str):
        raise _Refused("INTEGRATION_FAILURE")
    headers = CaseInsensitiveDict({"Content-Type": "application/json"})
    headers.update({name: str(header) for name, header in (value.get("headers") or {}).items()})
    multiple = value.get("multiValueHeaders") or {}
    headers.update({name: ", ".join(map(str, values)) for name, values in multiple.items()})
    if value.get("isBase64Encoded"):
        body = base64.b64decode(body).decode()
    return Response(value["statusCode"], headers, body)
