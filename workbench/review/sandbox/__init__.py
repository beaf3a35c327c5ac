"""Opening bytes that nobody has looked at yet: in a child process that has given up whatever it does not need."""
