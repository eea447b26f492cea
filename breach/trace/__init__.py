"""Attribution: from who received what, and what was found, to a ranking with a bounded error."""
