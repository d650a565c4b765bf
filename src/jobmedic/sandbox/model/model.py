"""The model endpoint's REST face: chat completions and responses in both of Azure OpenAI's URL shapes.

Shapes follow the OpenAI API reference; errors follow Azure's (`DeploymentNotFound`, `content_filter`).
"""

import re
import threading
from collections.abc import Mapping
from typing import Any

from jobmedic.sandbox.faults import Faults
from jobmedic.sandbox.model.replies import ModelCall, Trick, asked, completion, filtered, refused, response, tricked
from jobmedic.sandbox.model.stand_in import NAME, Deployment, Oracle, answer, opinion_on
from jobmedic.sandbox.model.tuning import Tuning
from jobmedic.sandbox.web import Reply, Request

_CLASSIC = re.compile(r"^/openai/deployments/([^/]+)/(chat/completions)$")
_BODY_NAMED = re.compile(r"^/openai/(?:v1/)?(chat/completions|responses)$")
_TUNING = re.compile(r"^/openai/(?:v1/)?((?:files|fine_tuning)\b.*)$")


class ModelApi:
    def __init__(self, key: str, oracle: Oracle) -> None:
        self.key = key
        self.oracle = oracle
        self.faults = Faults()
        self.calls: list[ModelCall] = []
        self.deployments = {NAME: Deployment(NAME)}
        self.tuning = Tuning(self.deploy)
        self._lock = threading.Lock()
        self._tricks: list[Trick] = []
        self._always: Trick | None = None

    def deploy(self, name: str, *, quality: float | None = None) -> None:
        """Makes a deployment; with `quality` it answers that share of the texts right."""
        self.deployments[name] = Deployment(name, model=NAME, quality=quality)

    def play(self, trick: Trick, *, times: int | None = 1) -> None:
        """The next answers are tricks; with `times=None` all from now on."""
        with self._lock:
            if times is None:
                self._always = trick
            else:
                self._tricks.extend([trick] * times)

    def behave(self) -> None:
        with self._lock:
            self._tricks, self._always = [], None

    def __call__(self, request: Request) -> Reply:
        if not self._authorized(request):
            return refused(401, "401", "Access denied due to invalid subscription key or wrong API endpoint.")
        if "/v1/" not in request.path and "api-version" not in request.query:
            return refused(404, "404", "Resource not found")
        if match := _TUNING.match(request.path):
            return self.tuning.serve(request, match[1])
        if match := _CLASSIC.match(request.path):
            return self._ask(request, match[1], "chat/completions")
        if match := _BODY_NAMED.match(request.path):
            return self._ask(request, str(request.json().get("model")), match[1])
        return refused(404, "404", "Resource not found")

    def _authorized(self, request: Request) -> bool:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        return self.key in {request.headers.get("api-key"), bearer}

    def _ask(self, request: Request, name: str, api: str) -> Reply:
        deployment = self.deployments.get(name)
        if deployment is None:
            return refused(404, "DeploymentNotFound", "The API deployment for this resource does not exist.")
        body = request.json()
        messages = _messages(body)
        schema = _schema(body)
        trick = self._next_trick()
        if trick is Trick.CONTENT_FILTER:
            return filtered()
        opinion = opinion_on(messages, deployment, self.oracle)
        content = tricked(trick, opinion, answer(opinion, schema, deployment.model), schema)
        call = asked(name, api, messages, schema, content)
        with self._lock:
            self.calls.append(call)
        return (completion if api == "chat/completions" else response)(call, deployment.model, trick)

    def _next_trick(self) -> Trick | None:
        with self._lock:
            return self._tricks.pop(0) if self._tricks else self._always


def _messages(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "messages" in body:
        return list(body["messages"])
    given = body.get("input", "")
    turns = [{"role": "user", "content": given}] if isinstance(given, str) else list(given)
    system = [{"role": "system", "content": body["instructions"]}] if body.get("instructions") else []
    return [*system, *turns]


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    form = body.get("response_format") or (body.get("text") or {}).get("format") or {}
    found = (form.get("json_schema") or form).get("schema")
    return found if isinstance(found, Mapping) else None
