"""The HTTP service: it keeps jobs that clients hand in on disk until they are done, and answers with pictures at once.

Read in this order: `options.py`, `records.py`, `store.py`, `crew.py`, `pictures.py`, `service.py`, `app.py`,
`server.py`. A `Hand` does the work: a process of this machine, or of a cluster (`far.py`).
"""
