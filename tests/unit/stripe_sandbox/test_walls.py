"""The sandbox is an app of its own: small, and apart from the platform and from the SDK that it answers."""

import subprocess
import sys

FOREIGN = ("services", "stripe", "fastapi", "pydantic", "sqlalchemy", "redis")


def test_sandbox_imports_neither_the_platform_nor_the_sdk() -> None:
    program = (
        "import sys, deploy.stripe_sandbox.app, deploy.stripe_sandbox.settings\n"
        f"print(*sorted({{name.split('.')[0] for name in sys.modules}} & set({FOREIGN!r})))"
    )
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert found.stdout.split() == []
