"""What the calls of a ledger come to, in dollars and in words."""

from __future__ import annotations

from collections.abc import Sequence

from imagerag.values import Usage


def dollars(ledger: Sequence[Usage]) -> float | None:
    """Return what the calls of a ledger cost in US dollars, None where one price is unknown."""
    costs = [line.usd for line in ledger]
    return None if None in costs else sum(cost for cost in costs if cost is not None)


def cost(ledger: Sequence[Usage]) -> str:
    """Say what the calls of a ledger came to; what no provider reported stays unknown."""
    requests = sum(line.requests for line in ledger)
    told = [f"{requests} request{'' if requests == 1 else 's'}"]
    for name, counts in (
        ("tokens in", [line.input_tokens for line in ledger]),
        ("tokens out", [line.output_tokens for line in ledger]),
    ):
        known = [count for count in counts if count is not None]
        unknown = " or more" if len(known) < len(counts) else ""
        if known:
            told.append(f"{sum(known)} {name}{unknown}")
    usd = dollars(ledger)
    if usd is None:
        told.append("price unknown")
    else:
        dates = sorted({line.priced for line in ledger if line.priced})
        told.append(f"{usd:.4f} US dollars" + (f" (prices of {dates[0]})" if dates else ""))
    return ", ".join(told)
