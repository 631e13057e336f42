"""LSTM: a week of hours in, one to three days out, in quantiles; two layers, dropout, early stopping. Extra `deep`.

Layers of 128 and 64 as in the reference text. The network reads 168 hours of load, clock and temperature; what it
remembers is joined, for every interval ahead, with that interval's clock, temperature and the load a week before, and
one layer more makes of it P10, P50 and P90 of the load over the week's mean, by the pinball loss.
Hochreiter, Schmidhuber 1997, "Long short-term memory".
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from gridloop.errors import MissingExtra, OutOfRange
from gridloop.forecast.known.local import local_slots, weekday
from gridloop.forecast.known.past import Past
from gridloop.forecast.models.day_model import DayModel, temperature_at
from gridloop.forecast.value import QUANTILES
from gridloop.units import FloatArray, IntArray

HOURS_IN = 168
LAYERS = (128, 64)
HELD_OUT = 0.1
"""Share of the newest issues that only say when to stop."""

LEARNING_RATE = 2e-3
BATCH = 64
LEAST_KNOWN = 0.8
"""Share of the 168 hours that must be known; gaps among them take the mean."""


class LstmForecaster(DayModel):
    """Quantiles by a long short-term memory.

    layers     units of the two layers
    hours_out  hours ahead that it learns, 24 … 72; `before` and the day must fit in
    epochs     at most; `patience` of them without a better loss on held-out issues end the training
    issues     per day that it learns from, the routine's among them
    """

    name: ClassVar[str] = "lstm"
    least_days: ClassVar[int] = 42

    def __init__(
        self,
        *,
        layers: tuple[int, int] = LAYERS,
        hours_out: int = 48,
        dropout: float = 0.1,
        epochs: int = 30,
        patience: int = 4,
        issues: int = 2,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if not 24 <= hours_out <= 72:
            raise OutOfRange(f"hours_out: {hours_out}; allowed are 24 … 72.", hours_out=hours_out)
        self.layers, self.hours_out, self.dropout = layers, hours_out, dropout
        self.epochs, self.patience, self.issues = epochs, patience, issues

    def _learn(self, past: Past, k: int, air: Past | None) -> None:
        torch = _package()
        if k == 0:
            self._weights: list[dict[str, FloatArray]] = []
            self.losses: list[list[float]] = []
        self._air_scale = np.array([0.0, 1.0])
        if air is not None:
            self._air_scale = np.array([np.nanmean(air.values), np.nanstd(air.values) or 1.0])
        ends = self._issues(past)
        x, z, unit, sound = self._seen(past, k, ends, air)
        out = ends[:, None] + np.arange(z.shape[1]) - past.first
        y = np.where(out < len(past.values), past.values[np.minimum(out, len(past.values) - 1), k], np.nan)
        y = y / unit[:, None]
        sound &= np.isfinite(y).any(axis=1) & np.isfinite(z).all(axis=(1, 2))
        x, z, y = x[sound], z[sound], y[sound]
        if len(x) < 10:
            raise OutOfRange(f"{self.name}: {len(x)} whole weeks in the history of {past.points[k]}; too few.")
        held = max(1, int(HELD_OUT * len(x)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            order = np.random.default_rng(self.seed)
            network = _network(torch, x.shape[2], z.shape[2], self.layers, self.dropout)
            given = (np.nan_to_num(x), z, np.nan_to_num(y), np.isfinite(y))  # temperature may be missing in the past
            parts = [torch.tensor(part, dtype=torch.float32) for part in given]
            rows = np.arange(len(x) - held)
            last = [part[-held:] for part in parts]
            weights, losses = _trained(torch, network, parts, last, rows, order, self.epochs, self.patience)
        if not np.isfinite(losses).all():
            raise OutOfRange(
                f"{self.name}: the loss of {past.points[k]} is not a number after {len(losses)} epochs. See whether "
                "its history or the temperature holds values that cannot be.",
                point=past.points[k],
                epochs=len(losses),
            )
        self._weights.append(weights)
        self.losses.append(losses)

    def _say(self, past: Past, k: int, valid: IntArray, air: Past | None) -> FloatArray:
        torch = _package()
        answer = np.full((len(QUANTILES), len(valid)), np.nan)
        x, z, unit, sound = self._seen(past, k, np.array([past.end]), air)
        lead = valid - past.end
        near = lead < z.shape[1]
        fine = sound[0] & np.isfinite(z[0]).all(axis=1)
        if not fine.any():
            return answer
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            network = _network(torch, x.shape[2], z.shape[2], self.layers, self.dropout)
            network.load_state_dict({name: torch.tensor(w) for name, w in self._weights[k].items()})
            network.eval()
            said = network(*(torch.tensor(np.nan_to_num(part), dtype=torch.float32) for part in (x, z)))[0]
        ahead = np.where(fine, said.numpy().T.astype(float) * unit[0], np.nan)
        answer[:, near] = ahead[:, lead[near]]
        return np.sort(answer, axis=0)

    def _issues(self, past: Past) -> IntArray:
        """Slots of the first interval ahead of every issue that is learned from."""
        n = past.per_day
        first = int(self.routine.day(past, np.array([past.first]))[0]) + HOURS_IN // 24 + 2
        last = int(self.routine.day(past, np.array([past.end]))[0])
        own = np.array([self.routine.known(past, day) for day in range(first, last)])
        ends = np.unique(own[:, None] - np.arange(self.issues) * n // self.issues)
        return ends[(ends >= past.first + HOURS_IN // 24 * n) & (ends < past.end - n)]

    def _seen(
        self, past: Past, k: int, ends: IntArray, air: Past | None
    ) -> tuple[FloatArray, FloatArray, FloatArray, np.ndarray]:
        """What is looked at: the hours before [issue, hour, column], the intervals ahead [issue, time, column], the
        week's mean [issue] MW, and whether enough of it is known [issue]."""
        n = past.per_day
        hour = max(1, n // 24)
        slots = ends[:, None] - HOURS_IN * hour + np.arange(HOURS_IN * hour)
        load = self._at(past, k, slots)
        known = np.isfinite(load)
        unit = np.where(known, load, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        unit = np.where(np.abs(unit) > 0.0, unit, 1.0)
        hours = np.where(known, load / unit[:, None], 1.0).reshape(len(ends), HOURS_IN, hour).mean(axis=2)
        began = slots[:, ::hour]
        x = np.stack([hours - 1.0, *self._clock(past, began), *self._warmth(air, began)], axis=2)
        ahead = ends[:, None] + np.arange(self.hours_out * hour)
        back = 7 * n * (1 + (ahead - ends[:, None]) // (7 * n))
        week, day = (self._at(past, k, ahead - b) for b in (back, n * (1 + (ahead - ends[:, None]) // n)))
        lags = [np.where(np.isfinite(lag), lag / unit[:, None], 1.0) - 1.0 for lag in (week, day)]
        lead = np.broadcast_to((ahead - ends[:, None]) / (24.0 * hour), ahead.shape)
        z = np.stack([*lags, lead, *self._clock(past, ahead), *self._warmth(air, ahead)], axis=2)
        return x, z, unit, known.mean(axis=1) >= LEAST_KNOWN

    @staticmethod
    def _at(past: Past, k: int, slots: IntArray) -> FloatArray:
        row = slots - past.first
        inside = (row >= 0) & (row < len(past.values))
        return np.where(inside, past.values[np.clip(row, 0, len(past.values) - 1), k], np.nan)

    def _clock(self, past: Past, slots: IntArray) -> list[FloatArray]:
        """Hour of the day and of the year on circles, sorts of day; each as slots."""
        n = past.per_day
        local = local_slots(past, slots, self.routine.zone)
        turn = 2.0 * np.pi * (local % n) / n
        year = 2.0 * np.pi * (local // n) / 365.25
        sort = weekday(local, n)
        circles = [f(m * turn) for m in (1, 2, 3) for f in (np.sin, np.cos)]
        days = [
            (sort == 5).astype(float),
            (sort == 6).astype(float),
            (sort == 0).astype(float),
            (sort == 4).astype(float),
        ]
        return [*circles, np.sin(year), np.cos(year), *days, self.rests(local // n)]

    def _warmth(self, air: Past | None, slots: IntArray) -> list[FloatArray]:
        if air is None:
            return []
        mean, spread = self._air_scale
        t = (temperature_at(air, slots) - mean) / spread
        return [t, np.maximum(t - 1.0, 0.0), np.maximum(-t - 0.5, 0.0)]


def _trained(
    torch: Any, network: Any, parts: list[Any], last: list[Any], rows: IntArray, order: Any, epochs: int, patience: int
) -> tuple[dict[str, FloatArray], list[float]]:
    """The weights with the least loss on the held-out issues, and that loss after every epoch."""
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    best: dict[str, FloatArray] = {}
    losses: list[float] = []
    for _ in range(epochs):
        network.train()
        for batch in np.array_split(order.permutation(rows), max(1, len(rows) // BATCH)):
            x, z, y, known = (part[batch] for part in parts)
            optimizer.zero_grad()
            _pinball(torch, network(x, z), y, known).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        network.eval()
        with torch.no_grad():
            x, z, y, known = last
            loss = float(_pinball(torch, network(x, z), y, known))
        if not losses or loss < min(losses):
            best = {name: w.detach().numpy().copy() for name, w in network.state_dict().items()}
        losses.append(loss)
        if len(losses) - 1 - int(np.argmin(losses)) >= patience:
            break
    return best, losses


def _pinball(torch: Any, said: Any, y: Any, known: Any) -> Any:
    """Mean over the known values; said [issue, time, quantile]."""
    off = y[:, :, None] - said
    level = torch.tensor(list(QUANTILES.values()), dtype=off.dtype)
    loss = torch.maximum(level * off, (level - 1.0) * off).mean(dim=2)
    return (loss * known).sum() / known.sum()


def _network(torch: Any, seen: int, ahead: int, layers: tuple[int, int], dropout: float) -> Any:
    """The network: (x [issue, hour, seen], z [issue, time, ahead]) → [issue, time, quantile], around one."""
    nn = torch.nn

    class Network(nn.Module):  # type: ignore[misc, name-defined]  # torch is there only where the extra is
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.LSTM(seen, layers[0], batch_first=True)
            self.second = nn.LSTM(layers[0], layers[1], batch_first=True)
            self.drop = nn.Dropout(dropout)
            self.joined = nn.Linear(layers[1] + ahead, 64)
            self.out = nn.Linear(64, len(QUANTILES))

        def forward(self, x: Any, z: Any) -> Any:
            hidden = self.drop(self.first(x)[0])
            memory = self.drop(self.second(hidden)[0][:, -1])
            memory = memory[:, None, :].expand(-1, z.shape[1], -1)
            return 1.0 + self.out(torch.relu(self.joined(torch.cat([memory, z], dim=2))))

    return Network()


def _package() -> Any:
    """The package. Raises `MissingExtra` where it is not installed."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtra(
            "torch is not installed. Install it with `pip install gridloop[deep]`.", extra="deep"
        ) from error
    return torch
