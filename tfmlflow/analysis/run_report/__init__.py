"""The report of one run: a page of HTML that needs no network."""
