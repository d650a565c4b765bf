"""Thirty simulated days: whether jobmedic gets better at its work by what it sees and what people tell it."""
