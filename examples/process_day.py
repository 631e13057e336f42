"""A steelworks made up from nothing, two days against prices and its peak, with a forecast of its base load.

The baseline is what it does by itself. Plant and prices are synthetic. Run `python examples/process_day.py`.
"""

# ruff: noqa: T201 (an example prints)

import numpy as np
import pandas as pd

from gridloop.market.savings.savings import savings
from gridloop.operate.studies.process import process_study
from gridloop.optimize.process.demo import demo_orders


def main() -> None:
    """Plan the works and set it beside itself."""
    book = demo_orders(2, heats=4)
    hour = book.base_mw.index.hour
    price = pd.Series(
        np.where((hour >= 17) & (hour < 21), 120.0, np.where(hour < 6, 35.0, 70.0)), index=book.base_mw.index
    )
    week_before = demo_orders(7, first="2017-12-25", heats=4, seed=1)  # what forecast and peak target are made of
    month = process_study(
        book, price, zone="UTC", before=week_before, peak_price=2_000.0, ceiling=False, time_limit_s=1.0
    ).ahead
    found = savings(month.hours["planned_mw"], month.hours["recorded_mw"], prices=price)
    print(f"synthetic plant, {len(book.tasks)} batches, {len(month.late)} late")
    for name, unit in (("energy_mwh", "MWh"), ("cost", "money for energy"), ("peak_mw", "MW peak")):
        was, now, share = (float(found.table.at[name, key]) for key in ("baseline", "actual", "saved_share"))
        print(f"{unit:18} by itself {was:9.1f}   planned {now:9.1f}   saved {share:.1%}")
    first = month.book.table(month.began).head(6)
    for task, row in first.iterrows():
        print(f"{task:24} {row['recorded_begin']:%H:%M} → {row['planned_begin']:%H:%M}")


if __name__ == "__main__":
    main()
