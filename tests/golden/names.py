"""The names that other programs use: commands, options, deployments."""

from __future__ import annotations

import argparse
import importlib
import inspect
import runpy
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import yaml
from prefect.flows import load_flow_from_entrypoint

_ROOT = Path(__file__).parents[2]
# What of a deployment is for people, or says where its code is.
_NOT_KEPT = {"name", "description", "entrypoint", "work_pool"}


def commands(module: str) -> dict[str, Any]:
    """Return the commands and options of `python -m MODULE`, as click has them."""
    return _command(importlib.import_module(module).main)


def _command(command: click.Command) -> dict[str, Any]:
    found: dict[str, Any] = {"parameters": sorted(_parameter(one) for one in command.params)}
    if isinstance(command, click.Group):
        found["commands"] = {name: _command(one) for name, one in command.commands.items()}
        found["alone"] = command.invoke_without_command
    return found


def _parameter(parameter: click.Parameter) -> str:
    names = " ".join([*parameter.opts, *parameter.secondary_opts])
    choices = parameter.type.choices if isinstance(parameter.type, click.Choice) else ()
    bounds = (parameter.type.min, parameter.type.max) if isinstance(parameter.type, click.IntRange) else ()
    default = parameter.default if isinstance(parameter.default, str | int) else None
    is_flag = getattr(parameter, "is_flag", False)
    marks = {
        "a flag": is_flag,
        "needed": parameter.required,
        "several times": parameter.multiple,
        f"one of {', '.join(choices)}": bool(choices),
        f"between {bounds}": bool(bounds),
        f"by default {default}": default is not None and not is_flag,
    }
    return "; ".join([names, *(mark for mark, there in marks.items() if there)])


class _Met(Exception):
    """The parser of a command, met before it parses."""


def sandbox_options() -> list[str]:
    """Return the options of `python -m blocks.sandbox`."""

    def meet(parser: argparse.ArgumentParser, *_: Any) -> None:
        raise _Met(parser)

    with patch.object(argparse.ArgumentParser, "parse_args", meet), warnings.catch_warnings():
        # It may have been imported already.
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            runpy.run_module("blocks.sandbox", run_name="__main__")
        except _Met as met:
            return [
                f"{' '.join(one.option_strings)}; {type(one).__name__}; default {one.default}"
                for one in met.args[0]._actions
            ]
    return []


def deployments() -> dict[str, Any]:
    """Return the deployments of prefect.yaml by their names, each with what its flow can be asked."""
    found = yaml.safe_load((_ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    return {
        "pool": found["definitions"]["work_pool"],
        **{name: made for one in found["deployments"] for name, made in [_deployment(one)]},
    }


def _deployment(one: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    path, _, function = one["entrypoint"].partition(":")
    flow: Any = load_flow_from_entrypoint(f"{_ROOT / path}:{function}")
    asked = {
        name: "needed" if of.default is of.empty else repr(of.default)
        for name, of in inspect.signature(flow.fn).parameters.items()
    }
    kept = {name: value for name, value in one.items() if name not in _NOT_KEPT}
    return f"{flow.name}/{one['name']}", {**kept, "pool": one["work_pool"]["name"], "can be asked": asked}
