"""What a search may try: TOML like a recipe's, with a range or a list where that has a value.

    [fit.learning_rate]
    low = 1e-4
    high = 1e-2
    log = true

    [encoder.widths]
    choices = [[3, 4, 5], [2, 3, 4, 5]]

A parameter is called by its place, as `fit.learning_rate`.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec

from models.training.config import Config
from schemas.errors import SettingsError


class Trial(Protocol):
    """What draws values: an `optuna.Trial`."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int: ...

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None, log: bool
    ) -> float: ...

    def suggest_categorical(self, name: str, choices: list[str]) -> Any: ...


class Range(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Numbers from `low` to `high`, both included; whole ones where all given are whole."""

    low: int | float
    high: int | float
    log: bool = False
    """Whether the numbers of each power of ten are drawn as often as those of any other."""
    step: int | float | None = None
    """Between two numbers; None: 1 for whole ones, no step for others."""

    def __post_init__(self) -> None:
        """Check what no later error would name."""
        if self.low > self.high:
            raise ValueError("low is above high")
        if self.step is not None and self.step <= 0:
            raise ValueError("step must be above 0")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs a low above 0 and no step")

    @property
    def first(self) -> Any:
        """One of the values."""
        return self.low

    def draw(self, trial: Trial, name: str) -> Any:
        """Return the value of a trial."""
        low, high, step = self.low, self.high, self.step
        if isinstance(low, int) and isinstance(high, int) and isinstance(step, int | None):
            return trial.suggest_int(name, low, high, step=step or 1, log=self.log)
        return trial.suggest_float(name, low, high, step=step, log=self.log)


class Choice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some values, of any kind that a recipe may have."""

    choices: Annotated[tuple[Any, ...], msgspec.Meta(min_length=1)]

    @property
    def first(self) -> Any:
        """One of the values."""
        return self.choices[0]

    def draw(self, trial: Trial, name: str) -> Any:
        """Return the value of a trial; the study keeps it as JSON."""
        return json.loads(
            trial.suggest_categorical(name, [json.dumps(one) for one in self.choices])
        )


Space = Mapping[str, Range | Choice]
"""Parameters by their names."""


def read(path: Path, recipe: Config) -> Space:
    """Read what may be tried with `recipe`.

    Raises:
        SettingsError: the file cannot be read, is wrong, or names what no such recipe has.
    """
    try:
        space = dict(_parameters(tomllib.loads(path.read_text("utf-8")), ""))
    except OSError as error:
        raise SettingsError(f"the search space {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"the search space {path} is wrong: {error}") from error
    if not space:
        raise SettingsError(f"the search space {path} is empty: give ranges or choices")
    for name, parameter in space.items():
        try:
            applied(recipe, {name: parameter.first})
        except SettingsError as error:
            raise SettingsError(
                f"the search space {path} is wrong about {name}: {error}"
            ) from error
    return space


def applied(recipe: Config, values: Mapping[str, Any]) -> Config:
    """Return the recipe with these values; SettingsError where they make none."""
    tables = msgspec.to_builtins(recipe)
    for name, value in values.items():
        *path, key = name.split(".")
        table = tables
        for one in path:
            table = table.get(one) if isinstance(table, dict) else None
        if not isinstance(table, dict):
            raise SettingsError(f"a recipe has no {name}")
        table[key] = value
    try:
        return msgspec.convert(tables, Config)
    except msgspec.ValidationError as error:
        raise SettingsError(f"no recipe can have {dict(values)}: {error}") from error


def _parameters(table: Mapping[str, Any], path: str) -> Iterator[tuple[str, Range | Choice]]:
    for key, value in table.items():
        name = f"{path}{key}"
        if not isinstance(value, dict):
            raise msgspec.ValidationError(f"{name} has neither a range nor choices")
        if "choices" in value or "low" in value or "high" in value:
            kind: Any = Choice if "choices" in value else Range
            yield name, msgspec.convert(value, kind)
        else:
            yield from _parameters(value, f"{name}.")
