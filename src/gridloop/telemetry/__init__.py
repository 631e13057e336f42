"""Where measurements live: the lake of a run (`store`). Import what you need from its modules."""
