"""The Python client of Wharf and the `wharf` command.

`from wharf.client.api import WharfClient` is the library. Nothing is imported here, so that `wharf --help` is quick.
"""
