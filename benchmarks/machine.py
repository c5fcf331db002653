"""When and where a figure was measured."""

from __future__ import annotations

import datetime
import os
import platform
import re
from pathlib import Path
from typing import Any

__all__ = ["machine"]


def machine() -> dict[str, Any]:
    """The day, and the machine: for a record."""
    return {
        "date": datetime.date.today().isoformat(),
        "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "system": platform.platform()},
    }


def cpu_name() -> str:
    """The processor's name, where the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return platform.processor()
    names = re.findall(r"^model name\s*: (.*)$", text, flags=re.MULTILINE)
    return names[0] if names else platform.processor()
