"""What came of mutants: a table for people, an object for programs, and whether it is enough. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.mutants.mutant import LAYERS
from tests.mutants.trial import Tried

# So much of all mutants is to be caught.
ENOUGH = 0.9


def is_enough(found: Sequence[Tried], *, whole: bool) -> bool:
    """Tell whether every survivor is explained and, of the `whole` list, nine tenths are caught.

    Of a few that were drawn a share says nothing.
    """
    caught = sum(one.caught for one in found)
    explained = all(one.caught or one.mutant.survives for one in found)
    return explained and (not whole or caught >= ENOUGH * len(found))


def as_json(found: Sequence[Tried]) -> dict[str, Any]:
    """Return the object that --json prints; its keys are an interface."""
    return {
        "mutants": len(found),
        "caught": sum(one.caught for one in found),
        "survivors": [
            {"name": one.mutant.name, "layer": one.mutant.layer, "why": one.mutant.survives}
            for one in found
            if not one.caught
        ],
        "layers": {layer: {"mutants": total, "caught": caught} for layer, total, caught in _scores(found)},
        "tried": [
            {
                "name": one.mutant.name,
                "layer": one.mutant.layer,
                "fault": one.mutant.fault,
                "caught_by": str(one.by),
                "seconds": round(one.seconds, 1),
            }
            for one in found
        ],
    }


def as_text(found: Sequence[Tried]) -> str:
    """Return a table of mutants, the score of each layer, and the survivors with what is said of them."""
    width = max(len(one.mutant.name) for one in found)
    lines = [f"{'mutant':<{width}}  {'layer':<9} {'caught by':<11} {'seconds':>7}"]
    lines += [
        f"{one.mutant.name:<{width}}  {one.mutant.layer:<9} {one.by:<11} {one.seconds:>7.1f}" for one in found
    ]
    lines += ["", f"{'layer':<9} {'mutants':>7} {'caught':>7}"]
    scores = _scores(found)
    scores.append(("all", len(found), sum(one.caught for one in found)))
    lines += [
        f"{layer:<9} {total:>7} {caught:>7}  {100 * caught / total:.0f} %" for layer, total, caught in scores
    ]
    by = Counter(str(one.by) for one in found)
    lines += ["", ", ".join(f"{count} by {what}" for what, count in by.most_common())]
    if left := [one.mutant for one in found if not one.caught]:
        lines += ["", "Survivors:"]
        lines += [f"- {one.name} ({one.file}): {one.survives or 'NOT EXPLAINED'}" for one in left]
    return "\n".join(lines)


def _scores(found: Sequence[Tried]) -> list[tuple[str, int, int]]:
    total = Counter(one.mutant.layer for one in found)
    caught = Counter(one.mutant.layer for one in found if one.caught)
    return [(layer, total[layer], caught[layer]) for layer in LAYERS if total[layer]]
