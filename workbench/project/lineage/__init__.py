"""Lineage of the whole road, both ways: from a file to the predictions that rest on it, and back.

In: an id of anything on the road. Out: plain nodes and edges, computed from what runs and the journal hold already, so
there is no second record that could disagree. Called by the doors.
"""
