"""Machines that take files and commands: this one, and those that OpenSSH reaches.

In: commands as lists of words and files; out: what they answered, and files that came back. ``ssh`` and ``slurm`` call;
a Slurm cluster is the same whether its commands are run here or at the other end of a connection.
"""
