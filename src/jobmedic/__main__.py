"""`python -m jobmedic`: the same as `jobmedic`."""

from jobmedic.tasks import main

main()
