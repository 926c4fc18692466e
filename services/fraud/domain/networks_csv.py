"""Where networks are, as CSV (RFC 4180, UTF-8) with the header `network,country,latitude,longitude,radius_km,kind`.

`country` is two capitals, `radius_km` how far from the point an address may be, `kind` one of NETWORK_KINDS. The three
of the place may be empty together. Read as a stream; what is wrong with a line is said without repeating it.
"""

import csv
import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from services.fraud.domain.blacklist import Network as Addresses
from services.fraud.domain.facts import Network, Place

COLUMNS = ("network", "country", "latitude", "longitude", "radius_km", "kind")
NETWORK_KINDS = frozenset({"hosting", "residential", "mobile", "business"})
WIDEST_RADIUS_KM = 20_000

_COUNTRY = re.compile(r"[A-Z]{2}")


class WrongLine(Exception):
    """A line can't be read, so the file is not imported. `line` counts from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")


@dataclass(frozen=True, slots=True)
class Located:
    """A network and what is known of it."""

    addresses: Addresses
    network: Network


def read(stream: TextIO) -> Iterator[Located]:
    """Each row of the file. Raises WrongLine."""
    reader = csv.reader(stream, strict=True)
    try:
        header = tuple(cell.strip().lower() for cell in next(reader, ()))
        if header != COLUMNS:
            raise WrongLine(1, f"the header must be {','.join(COLUMNS)}")
        for cells in reader:
            if cells:
                yield _located(reader.line_num, [cell.strip() for cell in cells])
    except (csv.Error, UnicodeDecodeError) as error:
        raise WrongLine(reader.line_num + 1, "is no CSV in UTF-8") from error


def _located(line: int, cells: Sequence[str]) -> Located:
    if len(cells) != len(COLUMNS):
        raise WrongLine(line, f"has {len(cells)} cells, and there are {len(COLUMNS)} columns")
    addresses, country, *place, kind = cells
    if not _COUNTRY.fullmatch(country):
        raise WrongLine(line, "country must be two capital letters")
    if kind not in NETWORK_KINDS:
        raise WrongLine(line, f"kind must be one of {', '.join(sorted(NETWORK_KINDS))}")
    return Located(_addresses(line, addresses), Network(country, kind, _place(line, place)))


def _addresses(line: int, text: str) -> Addresses:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise WrongLine(line, "network must be in CIDR form, as 192.0.2.0/24, without host bits") from error


def _place(line: int, cells: Sequence[str]) -> Place | None:
    if not any(cells):
        return None
    try:
        place = Place(float(cells[0]), float(cells[1]), int(cells[2]))
    except ValueError as error:
        raise WrongLine(line, "latitude, longitude and radius_km must be numbers, or all three empty") from error
    inside = abs(place.latitude) <= 90 and abs(place.longitude) <= 180 and 0 <= place.radius_km <= WIDEST_RADIUS_KM
    if not inside:
        raise WrongLine(line, f"latitude, longitude or radius_km (to {WIDEST_RADIUS_KM:,}) is out of range")
    return place
