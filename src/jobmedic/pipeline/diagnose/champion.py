"""Which classifier is in force: the champion of the registry, kept in step with the wheel and the settings."""

import logging
from dataclasses import replace

from jobmedic.ports.registry import Alias, Classifier, Registry, RegistryError

_log = logging.getLogger(__name__)


def champion(registry: Registry, installed: Classifier) -> Classifier:
    """The champion; `installed` is what wheel and settings bring, and takes over in three cases.

    There is no champion yet; the settings name another deployment than when the champion was registered, since that is a
    person's word; the registry cannot be reached. A new wheel keeps the champion's deployment under its new rules and
    prompt. What takes over is registered. Settings that name no deployment at all say nothing against the champion: they are
    those of a process that asks no model.
    """
    try:
        found = registry.get(Alias.CHAMPION)
        if found is not None and found.classifier.configured and not installed.configured:
            return installed
        if found is not None and found.classifier.configured == installed.configured:
            in_force = replace(installed, deployment=found.classifier.deployment)
            if in_force == found.classifier:
                return in_force
        else:
            in_force = installed
        registry.point(Alias.CHAMPION, registry.register(in_force, note="in force with this wheel and these settings"))
    except RegistryError as problem:
        _log.warning("the champion cannot be read, the configured deployment is used: %s", problem)
        return installed
    return in_force
