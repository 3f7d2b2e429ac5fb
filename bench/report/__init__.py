"""How quick the report is in a browser, and how quick reg-cli's."""
