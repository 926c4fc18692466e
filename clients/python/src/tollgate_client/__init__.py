"""Tollgate's Python client: licenses checked offline and online, and the public API.

verify, check                        a license file, without network
HighWater, HighWaterFile             what was seen of time and files
LicenseClient, AsyncLicenseClient    the platform's signed word on a license
TollgateClient, AsyncTollgateClient  the public API
"""

from tollgate_client.calls import Charge, charge_of
from tollgate_client.client import AsyncTollgateClient, TollgateClient
from tollgate_client.connection import VERSION as __version__
from tollgate_client.errors import Problem, TollgateError, UnexpectedAnswer, Unreachable, UntrustedAnswer
from tollgate_client.exchange import Retries
from tollgate_client.high_water import Denial, HighWater, Store
from tollgate_client.high_water_file import HighWaterFile
from tollgate_client.license_client import AsyncLicenseClient, LicenseClient
from tollgate_client.licensee import Licensee, Offline
from tollgate_client.public_keys import PublicKey, PublicKeys, load_public_keys, read_public_keys
from tollgate_client.verdict import Claims, Code, Verdict
from tollgate_client.verification import check, verify

__all__ = [
    "AsyncLicenseClient",
    "AsyncTollgateClient",
    "Charge",
    "Claims",
    "Code",
    "Denial",
    "HighWater",
    "HighWaterFile",
    "LicenseClient",
    "Licensee",
    "Offline",
    "Problem",
    "PublicKey",
    "PublicKeys",
    "Retries",
    "Store",
    "TollgateClient",
    "TollgateError",
    "UnexpectedAnswer",
    "Unreachable",
    "UntrustedAnswer",
    "Verdict",
    "__version__",
    "charge_of",
    "check",
    "load_public_keys",
    "read_public_keys",
    "verify",
]
