"""Which request fields a deployment understands: learnt from its refusals, since no endpoint tells beforehand.

Seen: reasoning models refuse `temperature` and `max_tokens`; API versions before 2024-09 know no
`max_completion_tokens`; API versions before 2024-08-01-preview and older models take no JSON schema.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, Self


@dataclass(frozen=True, slots=True)
class Dialect:
    temperature: bool = True
    limit: Literal["max_completion_tokens", "max_tokens"] | None = "max_completion_tokens"
    strict_schema: bool = True

    def fields(self, max_output_tokens: int) -> dict[str, Any]:
        """Request fields besides the messages and the response format."""
        fields: dict[str, Any] = {}
        if self.temperature:
            fields["temperature"] = 0
        if self.limit is not None:
            fields[self.limit] = max_output_tokens
        return fields

    def without(self, complaint: str) -> Self:
        """The dialect less what a 400 complains about; itself when the complaint is about something else.

        A complaint may name a field's replacement too, so the first name in the text is the refused one.
        """
        places = {
            name: complaint.find(name)
            for name in ("temperature", "max_completion_tokens", "max_tokens", "json_schema", "response_format")
        }
        named = [name for name, place in sorted(places.items(), key=lambda item: item[1]) if place >= 0]
        for name in named:
            if name == "temperature" and self.temperature:
                return replace(self, temperature=False)
            if name == self.limit:
                return replace(self, limit="max_tokens" if name == "max_completion_tokens" else None)
            if name in {"json_schema", "response_format"} and self.strict_schema:
                return replace(self, strict_schema=False)
        return self
