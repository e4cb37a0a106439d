"""The plan of a run: weighted objectives in consecutive phases, and their settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from barcodeembed.errors import TrainingError
from barcodeembed.objectives import objective_class


@dataclass(frozen=True, slots=True)
class Phase:
    """A fraction of the steps (``fraction``), and the weights of the objectives summed in it."""

    fraction: float
    weights: dict[str, float]

    def __str__(self) -> str:
        return "+".join(
            name if weight == 1 else f"{name}:{weight:g}" for name, weight in self.weights.items()
        )


Plan = tuple[Phase, ...]

#: An objective's settings, by its name.
Settings = dict[str, dict[str, Any]]


def parse_objective(text: str) -> dict[str, float]:
    """Parse a sum of objectives. Raises TrainingError if it is not valid.

    >>> parse_objective("maelm+mlm:0.1")
    {'maelm': 1.0, 'mlm': 0.1}
    """
    weights: dict[str, float] = {}
    for term in text.split("+"):
        name, colon, weight = term.partition(":")
        objective_class(name)
        if name in weights:
            raise TrainingError(f"objective {name} occurs twice in {text!r}")
        weights[name] = _positive(weight, term) if colon else 1.0
    return weights


def parse_schedule(text: str) -> Plan:
    """Parse phases and their fractions of the steps. Raises TrainingError if they are not valid.

    >>> [(str(phase), phase.fraction) for phase in parse_schedule("clm:0.3,maelm+mlm:0.1:0.7")]
    [('clm', 0.3), ('maelm+mlm:0.1', 0.7)]
    """
    phases = []
    for part in text.split(","):
        objective, colon, fraction = part.rpartition(":")
        if not colon:
            raise TrainingError(
                f"phase {part!r} has no fraction of the steps; write clm:0.3,maelm:0.7"
            )
        phases.append(Phase(_positive(fraction, part), parse_objective(objective)))
    total = sum(phase.fraction for phase in phases)
    if not math.isclose(total, 1):
        raise TrainingError(f"the fractions in {text!r} add up to {total:g}, not to 1")
    return tuple(phases)


def describe_plan(plan: Plan) -> str:
    """Return a plan as it would be written on the command line."""
    if len(plan) == 1:
        return str(plan[0])
    return ",".join(f"{phase}:{phase.fraction:g}" for phase in plan)


def phase_at(plan: Plan, step: int, steps: int) -> int:
    """Return the number of the phase of a step. Both count from 0."""
    ends = [0.0]
    for phase in plan:
        ends.append(ends[-1] + phase.fraction)
    done = [round(end * steps) for end in ends[1:-1]]
    return sum(step >= end for end in done)


def resolve_settings(
    plan: Plan, defaults: Mapping[str, Any], given: Sequence[str] = ()
) -> Settings:
    """Return the settings of every objective of a plan.

    Settings in ``given`` override those of a preset (``defaults``), and these override the
    objective's own defaults. ``given`` has ``setting=value`` for all objectives with this setting,
    or ``objective.setting=value`` for one. Settings of a preset that apply to no objective are
    ignored. Raises TrainingError if a given setting applies to none.
    """
    names = dict.fromkeys(name for phase in plan for name in phase.weights)
    kinds = {name: {f.name: f for f in fields(objective_class(name).Options)} for name in names}
    settings: Settings = {
        name: {key: defaults.get(key, f.default) for key, f in options.items()}
        for name, options in kinds.items()
    }
    for text in given:
        path, equals, value = text.partition("=")
        one, dot, key = path.rpartition(".")
        receivers = [name for name in ([one] if dot else names) if key in kinds.get(name, ())]
        if not equals or not receivers:
            existing = sorted({f"{name}.{key}" for name in names for key in kinds[name]})
            raise TrainingError(
                f"--set {text}: the objectives of this run have "
                + (", ".join(existing) if existing else "no settings")
            )
        for name in receivers:
            settings[name][key] = _convert(value, kinds[name][key].default, text)
    return settings


def _positive(text: str, term: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise TrainingError(f"{term!r}: {text!r} is not a positive number")
    return value


def _convert(text: str, default: Any, given: str) -> Any:
    """Parse a setting as the type of its default."""
    if isinstance(default, bool):
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if text.lower() in words:
            return words[text.lower()]
        raise TrainingError(f"--set {given}: {text!r} is neither yes nor no")
    try:
        return type(default)(text)
    except ValueError:
        expected = {int: "an integer", float: "a number"}[type(default)]
        raise TrainingError(f"--set {given}: {text!r} is not {expected}") from None
