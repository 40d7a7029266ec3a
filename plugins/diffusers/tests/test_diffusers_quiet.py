"""What is silenced speaks again, whichever block ends last."""

from __future__ import annotations

import logging

from imagerag.values import Guidance
from imagerag_diffusers.quiet import quiet


def state():
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    logger = logging.getLogger("transformers")
    return (
        diffusers_logging.is_progress_bar_enabled(),
        transformers_logging.is_progress_bar_enabled(),
        diffusers_logging.get_verbosity(),
        list(logger.handlers),
        logger.propagate,
    )


def test_blocks_that_overlap_restore_what_was_before_the_first(tiny):
    before = state()
    first, second = quiet(), quiet()
    first.__enter__()
    silenced = state()
    second.__enter__()
    first.__exit__(None, None, None)
    assert state()[:3] == silenced[:3] == (False, False, logging.ERROR)
    second.__exit__(None, None, None)
    assert state() == before


def test_notices_are_kept_by_the_block_they_belong_to(tiny):
    with quiet() as notices:
        logging.getLogger("transformers.modeling_utils").warning("a tensor is missing")
    logging.getLogger("transformers.modeling_utils").info("not heard any more")
    assert notices.texts == ["a tensor is missing"]


def test_nothing_is_printed_while_loading_and_painting(make, capfd):
    generator = make(fresh=True)
    generator.generate([Guidance("a long prompt " * 60, 0)])
    generator.close()
    assert capfd.readouterr() == ("", "")
