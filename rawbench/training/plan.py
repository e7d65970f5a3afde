"""How far a run is: a budget in steps, or minutes turned into steps; progress is a function of the step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """The schedule from an anchor on: progress is a straight line from there to 1 at ``steps``.

    A budget in steps has one plan for ever. A budget in minutes is planned anew after each validation, from
    the measured time of a step; progress stays continuous, and every plan is kept in the checkpoint.

    Args:
        steps: where the run ends.
        anchor_step: step from which the plan holds.
        anchor_progress: progress at that step.
    """

    steps: int
    anchor_step: int = 0
    anchor_progress: float = 0.0

    def progress(self, step: int) -> float:
        """Return the part of the budget that is spent before ``step``, in [0, 1]."""
        if step >= self.steps:
            return 1.0
        part = (step - self.anchor_step) / (self.steps - self.anchor_step)
        return self.anchor_progress + (1.0 - self.anchor_progress) * part

    def again(self, step: int, steps: int) -> Plan:
        """Return the plan that ends at ``steps`` and agrees with this one at ``step``."""
        return Plan(max(steps, step), step, self.progress(step))


def steps_within(seconds: float, step_seconds: float, validation_seconds: float, validate_every: int) -> int:
    """Return how many steps fit into ``seconds``, with a validation after every ``validate_every`` steps."""
    return max(int(seconds / (step_seconds + validation_seconds / validate_every)), 0)
