"""One solved state as a page: voltage profile, map and what exceeds its limit, in one self-contained HTML file.

`build_page` takes a picture; `picture_of` makes one of a power flow, of a network or of a feeder.
"""

from gridloop.operate.plots.page import build_page
from gridloop.operate.plots.picture import Picture, picture_of

__all__ = ["Picture", "build_page", "picture_of"]
