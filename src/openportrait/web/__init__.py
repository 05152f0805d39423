"""The web app: animate, edit, retarget and live, in the browser. Needs the extra `web`.

It computes nothing of its own: it builds options, calls the pipeline and shows the result.
`server.serve` starts it; `app.build` lays out the page.
"""
