"""Microsoft Entra ID tokens for Azure OpenAI, where no API key is set."""

from collections.abc import Callable

from jobmedic.ports.model import ModelError

_SCOPE = "https://cognitiveservices.azure.com/.default"


def entra_token() -> Callable[[], str]:
    """A source of fresh tokens, cached until they expire, from whatever identity the machine has.

    Raises ModelError when `azure-identity` is not installed; a machine without an identity shows at the first call.
    """
    try:
        from azure.identity import DefaultAzureCredential, get_bearer_token_provider
    except ImportError as problem:
        raise ModelError(
            "AZURE_OPENAI_API_KEY is not set, and Entra ID needs a library that is not installed: "
            "set the key, or install jobmedic[entra]"
        ) from problem
    provider: Callable[[], str] = get_bearer_token_provider(DefaultAzureCredential(), _SCOPE)
    return provider
