"""The machines that the contract of targets is tested on: each world starts one for real, and can hurt it."""
