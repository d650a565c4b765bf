"""The masks: what of an error text says where and when, and not what."""

import hashlib
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from jobmedic.knowledge.catalogue import CatalogueError, check_regex
from jobmedic.knowledge.yaml_loader import safe_load

MASKS = Path(__file__).parent / "masks.yml"


class Mask(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    match: str


class Masks(BaseModel):
    model_config = ConfigDict(frozen=True)

    masks: tuple[Mask, ...]
    version: str

    @property
    def pattern(self) -> str:
        """One alternation: one pass over the text, whatever the number of masks."""
        return "|".join(f"(?:{mask.match})" for mask in self.masks)

    @classmethod
    def load(cls, path: Path | None = None) -> "Masks":
        source = path or MASKS
        try:
            entries = safe_load(source.read_text(encoding="utf-8"))
            masks = tuple(Mask(**entry) for entry in entries)
        except (OSError, TypeError, yaml.YAMLError, ValidationError) as error:
            raise CatalogueError(f"{source}: no list of masks: {error}") from error
        for mask in masks:
            try:
                check_regex(mask.match)
            except ValueError as error:
                raise CatalogueError(f"{source}: mask {mask.name}: {error}") from error
        return cls(masks=masks, version=hashlib.sha256(source.read_bytes()).hexdigest()[:12])
