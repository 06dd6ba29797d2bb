"""Try somebody's derainer or model against rules: an exception is a finding, too, and so is a look at the network."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

from bench.errors import reason_of


@dataclass(frozen=True)
class Finding:
    """Tell the outcome of one rule.

    Attributes:
        rule: What has to hold.
        passed: True unless the rule is broken.
        detail: What was seen instead; where the rule is passed, a doubt that a person has to settle.
    """

    rule: str
    passed: bool
    detail: str = ""


def tried(rule: str, trial: Callable[[], str]) -> Finding:
    """Try one rule; the trial answers what is wrong, or nothing."""
    try:
        detail = trial()
    except Exception as error:  # whatever a stranger's code raises is what the report is about
        detail = reason_of(error)
    return Finding(rule, not detail, detail)


@contextmanager
def watched_sockets() -> Iterator[list[str]]:
    """Refuse every connection, and note where to it would have gone."""
    addresses: list[str] = []

    def refuse(self: socket.socket, address: object) -> None:
        addresses.append(str(address))
        raise OSError(f"the network may not be used here (tried to reach {address})")

    with mock.patch.object(socket.socket, "connect", refuse), mock.patch.object(socket.socket, "connect_ex", refuse):
        yield addresses
