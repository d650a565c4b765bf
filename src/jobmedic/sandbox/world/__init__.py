"""The simulated workspace without I/O: jobs, runs, attempts, repairs, and the truth about them."""
