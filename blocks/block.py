"""What Daybook's blocks have in common."""

from __future__ import annotations

from abc import ABC
from typing import Annotated

from prefect.blocks.abstract import CredentialsBlock
from prefect.blocks.core import Block
from pydantic import AfterValidator, ConfigDict, SecretStr

from blocks.http.urls import LOGO_URL, checked_base_url, documentation_url


class DaybookBlock(Block, ABC):
    """A block of Daybook: no kind of its own, since Prefect registers no class whose base is ABC.

    Prefect makes a block's slug of its name, and its example of its class.
    """

    # Where validation fails, pydantic would show what it was given.
    model_config = ConfigDict(hide_input_in_errors=True)

    _logo_url = LOGO_URL
    _documentation_url = documentation_url("configuration.md")


class SystemCredentials(DaybookBlock, CredentialsBlock, ABC):
    """Where a system is, and as whom to call it."""

    _documentation_url = documentation_url("connect.md#connecting-real-systems")


def _filled(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value():
        # A system's own answer to an empty secret hides the cause.
        raise ValueError("must not be empty")
    return secret


BaseUrl = Annotated[str, AfterValidator(checked_base_url)]
FilledSecret = Annotated[SecretStr, AfterValidator(_filled)]
