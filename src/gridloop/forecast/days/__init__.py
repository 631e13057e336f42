"""Days: the experts behind forecasts of whole local days, of load, net load and prices."""
