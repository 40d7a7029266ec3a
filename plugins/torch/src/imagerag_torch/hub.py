"""Fetch pinned snapshots from the Hugging Face hub, and say clearly why one cannot be had."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from imagerag.errors import CredentialsError, WeightsError


def offline() -> bool:
    """Return whether the user forbade the network, by `HF_HUB_OFFLINE`."""
    return os.environ.get("HF_HUB_OFFLINE", "").strip().upper() in {"1", "ON", "YES", "TRUE"}


def fetch(name: str, revision: str | None, files: Sequence[str]) -> Path:
    """Return the folder of a snapshot: from the hub's cache on this machine, or downloaded to it.

    Args:
        name: The hub id, "owner/name".
        revision: A commit, or a branch or tag where the caller allows one.
        files: Patterns of the files to fetch.

    Raises:
        WeightsError: No such model or revision, no access, or no network.
        CredentialsError: The model is gated or private, and no token is set.
    """
    from huggingface_hub import errors as hub
    from huggingface_hub import get_token, snapshot_download

    at = f"{name!r} at revision {revision!r}"
    try:
        return Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=list(files),
                local_files_only=offline(),
            )
        )
    except hub.GatedRepoError as error:
        if get_token() is None:
            raise CredentialsError(
                f"The hub model {name!r} is gated: accept its terms on its page, make an access "
                "token there, and set it as the environment variable HF_TOKEN."
            ) from error
        raise WeightsError(
            f"The hub model {name!r} is gated, and the token in HF_TOKEN has no access to it: "
            "accept its terms on its page with the same account."
        ) from error
    except hub.RevisionNotFoundError as error:
        raise WeightsError(
            f"The hub model {name!r} has no revision {revision!r}: look the commit up on its page."
        ) from error
    except hub.RepositoryNotFoundError as error:
        if get_token() is None:
            raise CredentialsError(
                f"The hub knows no model {name!r}, or it is private. Check the spelling; for a "
                "private model set the environment variable HF_TOKEN."
            ) from error
        raise WeightsError(
            f"The hub knows no model {name!r} that the token in HF_TOKEN may read. "
            "Check the spelling."
        ) from error
    except hub.LocalEntryNotFoundError as error:
        why = "HF_HUB_OFFLINE is set" if offline() else "the hub cannot be reached"
        raise WeightsError(
            f"The hub model {at} is not on this machine, and {why}. Fetch it once with a network: "
            f"`hf download {name} --revision {revision}`; or set model to a local folder."
        ) from error
    except hub.HFValidationError as error:
        raise WeightsError(f"{name!r} is not a hub id of the form 'owner/name'.") from error
    except (hub.HfHubHTTPError, OSError) as error:
        raise WeightsError(
            f"The hub model {at} could not be fetched: {type(error).__name__}: {error}. "
            "Try again later, or set model to a local folder."
        ) from error
