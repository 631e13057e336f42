"""Files in and out: case files, SimBench, pandapower nets, our own folder, prices and charging sessions."""
