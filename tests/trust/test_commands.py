"""Commands: signed by the one who may, taken once and in time."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloop.errors import BadInput, CommandRefused, OutOfRange
from gridloop.trust.commands import Command, Inbox, commands_of, commands_table, is_genuine, sign, signing_key

NOON = pd.Timestamp("2016-07-25 12:00", tz="UTC")
KEY = signing_key(bytes(range(32)))
MINUTE = pd.Timedelta(minutes=1)


def command(number: int = 1, **changes: object) -> Command:
    """Charge the battery with 1.5 MW for the quarter-hour from noon."""
    plain = Command(number, "battery", "charge_mw", 1.5, "sun is cheap", NOON, NOON + 15 * MINUTE)
    return replace(plain, **changes)


def test_the_key_is_that_of_the_standard():
    """RFC 8032, 7.1, test 1: this seed signs the empty message so."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    signature = signing_key(seed).sign(b"").hex()
    assert signature.startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")
    with pytest.raises(BadInput, match="has 3 bytes; it must have 32"):
        signing_key(b"abc")


def test_a_signed_command_is_genuine_and_always_the_same():
    signed = sign(command(), KEY)
    assert is_genuine(signed, KEY.public_key())
    assert len(signed.signature) == 128
    assert sign(command(), signing_key(bytes(range(32)))) == signed
    assert not is_genuine(signed, signing_key(bytes(32)).public_key())
    assert not is_genuine(command(), KEY.public_key())
    assert not is_genuine(replace(signed, signature="no hexadecimal"), KEY.public_key())


@given(
    change=st.sampled_from(
        [
            {"number": 2},
            {"device": "battery 2"},
            {"quantity": "discharge_mw"},
            {"value": 1.5000000000000002},
            {"value": -1.5},
            {"reason": "sun is cheap "},
            {"issued_at": NOON - MINUTE},
            {"expires_at": NOON + 16 * MINUTE},
        ]
    )
)
@settings(deadline=None)
def test_no_field_can_be_changed(change: dict[str, object]):
    assert not is_genuine(replace(sign(command(), KEY), **change), KEY.public_key())


def test_a_command_is_taken_once_and_in_time():
    inbox = Inbox(KEY.public_key())
    first, second = sign(command(1), KEY), sign(command(2), KEY)
    assert inbox.take(first, NOON) == first
    with pytest.raises(CommandRefused, match=r"command 1 to battery \(charge_mw 1\.5\): number 1 was taken already"):
        inbox.take(first, NOON + MINUTE)
    assert inbox.take(second, NOON + 14 * MINUTE) == second
    with pytest.raises(CommandRefused, match="number 2 was taken"):  # an older one that was held back
        inbox.take(sign(command(1), KEY), NOON)
    late = sign(command(3), KEY)
    with pytest.raises(CommandRefused, match="it expired at"):
        inbox.take(late, late.expires_at)
    with pytest.raises(CommandRefused, match="signature is not"):
        inbox.take(command(4), NOON)
    # What was refused was not taken: a number that expired or was forged is still free.
    assert inbox.last == {"battery": 2}


def test_devices_count_for_themselves():
    inbox = Inbox(KEY.public_key())
    inbox.take(sign(command(5), KEY), NOON)
    inbox.take(sign(command(4, device="charger"), KEY), NOON)
    assert inbox.last == {"battery": 5, "charger": 4}


def test_a_restarted_device_remembers():
    inbox = Inbox(KEY.public_key(), last={"battery": 5})
    assert inbox.refusal(sign(command(5), KEY), NOON) is not None
    assert inbox.refusal(sign(command(6), KEY), NOON) is None


def test_what_is_no_command():
    with pytest.raises(OutOfRange, match="charge_mw is nan"):
        command(value=float("nan"))
    with pytest.raises(OutOfRange, match=r"expires at .* not after it is given"):
        command(expires_at=NOON)
    with pytest.raises(BadInput, match="has no zone"):
        sign(command(issued_at=NOON.tz_localize(None), expires_at=(NOON + MINUTE).tz_localize(None)), KEY)


def test_as_a_table_and_back():
    """Numbers and times may change their types on the way; the signatures hold."""
    signed = [sign(command(n, device=f"d{n}", value=n), KEY) for n in range(3)]
    table = commands_table(signed).assign(tick=0).astype({"value": float, "number": "int64"})
    back = commands_of(table)
    assert back == signed
    assert all(is_genuine(one, KEY.public_key()) for one in back)
    assert commands_of(commands_table([])) == []
