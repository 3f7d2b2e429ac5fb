"""A local AWS with our stack in it: the sandbox, the demo and the end-to-end tests run in it.

* `session`  what `pixelgate sandbox` runs: all of the following in one `with` block
* `fetch`    gets once what a local AWS needs, into a cache
* `assemble` makes Lambda's code out of this installation, without the SAM CLI
* `keep`     a folder that keeps bucket and table from one start to the next
* `cloud`    the local AWS: `with EmbeddedCloud.start() as cloud: ...`
* `deploy`   a built SAM application becomes a stack
* `roles`    the roles of examples/ci/roles.yaml, and `issuer`, whose tokens CI jobs take them with
* `files`    where the files lie that are no Python modules
* `server/`  runs in its own virtual environment: MiniStack, with Lambda done as Lambda does it

Not in Lambda's zip. This module imports nothing, so that the server starts without its callers'
packages.
"""
