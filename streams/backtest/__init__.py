"""Backtest: what a definition's alerts and probabilities would have been worth on a history. Pure: values in, values out."""
