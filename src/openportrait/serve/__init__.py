"""The HTTP service: jobs that others hand in, on disk until they are done, and pictures while they wait.

Read in this order: `options.py`, `records.py`, `store.py`, `crew.py`, `pictures.py`, `service.py`, `app.py`,
`server.py`. What does the work is a `Hand`: a process of this machine, or of a cluster (`far.py`).
"""
