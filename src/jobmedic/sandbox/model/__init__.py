"""The model endpoint's HTTP face, and the stand-in that answers behind it."""
