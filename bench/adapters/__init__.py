"""One adapter per competitor: each does the jobs as well as its library can.

What can be prepared outside of the timed call is prepared, except where the name of the competitor says otherwise.
"""
