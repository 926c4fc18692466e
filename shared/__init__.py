"""What two services or more use today. It knows no service."""

import sys

# httpx and structlog load rich wherever it is installed, for what nobody sees here: 8 MB in each process.
sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
