"""`wrk` as the load generator: in C, so that it leaves most of the machine to what it measures.

Like `load.py` a closed loop. Where it ends, calls that are under way are cut off: they are not counted here, though
they may have been charged, one a connection. It corrects its latencies for what a stall kept it from asking, so its p99
after a stall is higher than `load.py` would say; all contestants are measured by the same.
"""

import json
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.load import Round

SCRIPT = """\
wrk.method = %s
wrk.body = %s
%s
done = function(summary, latency, requests)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"calls": %%d, "seconds": %%.6f, "p50_ms": %%.4f, "p99_ms": %%.4f, "bad": %%d, "broken": %%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
"""
PATIENCE_SECONDS = 30.0


def is_there() -> bool:
    return shutil.which("wrk") is not None


def run(
    url: str, body: bytes, headers: dict[str, str], *, connections: int, seconds: float, method: str = "POST"
) -> Round:
    """One round; `seconds` are rounded up to whole ones, for wrk knows no others."""
    whole = max(1, round(seconds))
    lines = [f"wrk.headers[{_lua(name)}] = {_lua(value)}" for name, value in headers.items()]
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "round.lua"
        script.write_text(SCRIPT % (_lua(method), _lua(body.decode()), "\n".join(lines)))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{whole}s", "--timeout", "20s", "-s", str(script), url]
        before = _children_seconds()
        done = subprocess.run(command, capture_output=True, text=True, timeout=whole + PATIENCE_SECONDS, check=False)
    said = done.stderr.strip().rpartition("\n")[2]
    if done.returncode != 0 or not said.startswith("{"):
        raise ConnectionError(f"wrk failed: {done.stderr or done.stdout}")
    told = json.loads(said)
    return Round(
        calls=told["calls"] - told["bad"],
        errors=told["bad"] + told["broken"],
        seconds=told["seconds"],
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
        generator_cpu_seconds=_children_seconds() - before,
        cut_off=connections,
    )


def _lua(text: str) -> str:
    """A Lua string that says exactly this."""
    return '"' + "".join(f"\\{byte:03d}" for byte in text.encode()) + '"'


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
