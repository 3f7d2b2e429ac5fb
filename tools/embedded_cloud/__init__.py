"""The embedded cloud: a local AWS that runs the built artefact of our template.

* `cloud`   what callers use: `with EmbeddedCloud.start() as cloud: ...`
* `deploy`  a built SAM application becomes a stack
* `server/` runs in its own virtual environment: MiniStack, with Lambda done as Lambda does it

This module imports nothing, so that the server starts without its callers' packages.
"""
