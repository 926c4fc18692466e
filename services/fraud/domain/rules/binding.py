"""The binding of CEL's Rust implementation, without its command line: importing the package would load that too, which
nobody here uses, and which weighs 24 MB and much of the service's start."""

import sys
from types import ModuleType

_COMMAND_LINE = "cel.cli"
sys.modules.setdefault(_COMMAND_LINE, ModuleType(_COMMAND_LINE))

import cel  # noqa: E402

__all__ = ["cel"]
