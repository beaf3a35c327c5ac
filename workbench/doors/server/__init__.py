"""The Jupyter server extension.

In: HTTP requests of the panel and of scripts. Out: the same verbs as every other door, as JSON; events that say what changed.
"""
