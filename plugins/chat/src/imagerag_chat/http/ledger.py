"""Lines of the ledger, and what a picture will cost, from counts of tokens and prices."""

from __future__ import annotations

from imagerag.values import Usage
from imagerag_chat.http.config import HTTPConfig
from imagerag_chat.http.line import Outcome
from imagerag_chat.http.place import host_of
from imagerag_chat.http.prices import Price, Tokens, image_tokens, price_of


def price_for(config: HTTPConfig, home: str) -> Price | None:
    """Return the price that holds for a configuration; `home` is the provider's own address.

    It is unknown at other servers, where a model of the same name may cost anything.
    """
    if config.priced_as is not None:
        return price_of(config.priced_as)
    return price_of(config.model) if host_of(config.base_url) == host_of(home) else None


def usage(config: HTTPConfig, home: str, outcome: Outcome, tokens: Tokens) -> Usage:
    """Return the line of the ledger for a call, without `call`, `outcome` and `images`.

    Args:
        config: Says which model was asked, and at whose prices.
        home: The provider's own address.
        outcome: The call.
        tokens: What the provider counted; `Tokens()` where it said nothing.
    """
    price = price_for(config, home)
    usd: float | None = None
    if config.free:
        usd = 0.0
    elif price is not None and outcome.charge is not None:
        usd = price.of(tokens) if outcome.charge else 0.0
    return Usage(
        model=config.model,
        requests=outcome.requests,
        seconds=round(outcome.seconds, 3),
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        image_tokens=tokens.image_input,
        usd=usd,
        priced=price.seen if price is not None and usd is not None and not config.free else None,
    )


def estimate(
    config: HTTPConfig,
    home: str,
    calls: list[tuple[int, int, int]],
    image_size: int,
    *,
    closely: bool = True,
) -> float | None:
    """Return what calls would cost in dollars, None where price or counting is not known.

    Args:
        config: Says which model is asked, and at whose prices.
        home: The provider's own address.
        calls: For each call how many images it shows, and its tokens of text in and out.
        image_size: Side of the images, which are taken to be square, in pixels.
        closely: Whether they are looked at tile by tile.
    """
    if config.free:
        return 0.0
    price = price_for(config, home)
    each = (
        image_tokens(price, image_size, image_size, closely=closely) if price is not None else None
    )
    if price is None or each is None:
        return None
    costs = [
        price.of(Tokens(input=images * each + asked, output=answered))
        for images, asked, answered in calls
    ]
    return round(sum(cost for cost in costs if cost is not None), 6)
