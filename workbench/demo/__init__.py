"""``make demo``: the whole road on real data, headless, in about two minutes.

In: a folder for the project. Out: that project with two runs, a reviewed and released model, a drift alert, a verified
journal and a report; and on the terminal what was done, as the commands that anyone would type. It calls the same
verbs as every door and holds nothing of its own but the story.
"""
