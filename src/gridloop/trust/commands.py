"""Commands: set-points that are numbered, expire, and are signed by the one who may give them.

Signature: Ed25519 (RFC 8032) over the canonical JSON of all fields. It depends on the key and the command alone, so the
same run gives the same signatures. A device takes a command once: an `Inbox` refuses what is forged, late or repeated.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace

import pandas as pd
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gridloop.errors import BadInput, CommandRefused, OutOfRange
from gridloop.trust.canonical import canonical_json, canonical_time


@dataclass(frozen=True)
class Command:
    """One set-point for one device.

    number      grows by the command; a device takes no number twice and none that is older than the last
    device      id of the element
    quantity    what to set, with its unit, such as "p_mw"
    value       in that unit
    reason      why, as the plan gives it
    issued_at   when it was given (UTC)
    expires_at  from when on it is void (UTC)
    signature   128 hexadecimal digits; empty until signed

    Raises `OutOfRange` where the value is not finite or it expires before it is given.
    """

    number: int
    device: str
    quantity: str
    value: float
    reason: str
    issued_at: dt.datetime
    expires_at: dt.datetime
    signature: str = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise OutOfRange(
                f"command {self.number} to {self.device}: {self.quantity} is {self.value}; it must be finite.",
                device=self.device,
                value=self.value,
            )
        if self.expires_at <= self.issued_at:
            raise OutOfRange(
                f"command {self.number} to {self.device} expires at {self.expires_at}, not after it is given "
                f"({self.issued_at}).",
                device=self.device,
            )


def signing_key(seed: bytes) -> Ed25519PrivateKey:
    """The private key that 32 bytes determine: secret random ones in service, known ones in tests and simulations.

    Raises `BadInput` where there are not 32 of them.
    """
    if len(seed) != 32:
        raise BadInput(f"signing key: the seed has {len(seed)} bytes; it must have 32.", count=len(seed))
    return Ed25519PrivateKey.from_private_bytes(seed)


def sign(command: Command, key: Ed25519PrivateKey) -> Command:
    """The command with its signature. Raises `BadInput` where a time has no zone."""
    return replace(command, signature=key.sign(_message(command)).hex())


def is_genuine(command: Command, key: Ed25519PublicKey) -> bool:
    """Whether the signature is that of the key's owner over exactly this command."""
    try:
        key.verify(bytes.fromhex(command.signature), _message(command))
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass
class Inbox:
    """What a device keeps to take every command once.

    key   public key of whom it obeys
    last  number of the newest command taken, by device; kept over restarts by whoever owns the inbox
    """

    key: Ed25519PublicKey
    last: dict[str, int] = field(default_factory=dict)

    def take(self, command: Command, now: dt.datetime) -> Command:
        """The command, to be done now. Raises `CommandRefused` where it is forged, expired or was taken before."""
        wrong = self.refusal(command, now)
        if wrong is not None:
            raise CommandRefused(
                f"command {command.number} to {command.device} ({command.quantity} {command.value:g}): {wrong}.",
                number=command.number,
                device=command.device,
                why=wrong,
            )
        self.last[command.device] = command.number
        return command

    def refusal(self, command: Command, now: dt.datetime) -> str | None:
        """Why the command must not be done; None where it may."""
        if not is_genuine(command, self.key):
            return "its signature is not that of the operator; ask for a new one"
        if now >= command.expires_at:
            return f"it expired at {command.expires_at}, it is {now}"
        taken = self.last.get(command.device, -1)
        if command.number <= taken:
            return f"number {taken} was taken already; a new command needs a higher number"
        return None


def commands_table(commands: Iterable[Command]) -> pd.DataFrame:
    """One row per command, columns as the fields."""
    names = [f.name for f in fields(Command)]
    return pd.DataFrame([[getattr(command, name) for name in names] for command in commands], columns=names)


def commands_of(table: pd.DataFrame) -> list[Command]:
    """The commands whose `commands_table` this is; further columns are ignored."""
    rows = table[[f.name for f in fields(Command)]].itertuples(index=False, name=None)
    return [Command(*row) for row in rows]


def _message(command: Command) -> bytes:
    """What is signed: canonical JSON of every field but the signature."""
    content: dict[str, str | int | float] = {
        "device": command.device,
        "expires_at": canonical_time(command.expires_at),
        "issued_at": canonical_time(command.issued_at),
        "number": int(command.number),
        "quantity": command.quantity,
        "reason": command.reason,
        "value": float(command.value),
    }
    return canonical_json(content)
