"""The OpenAPI 3.1 document of everything that machines call; the portal's pages are for people and not in it.

What routes say themselves is taken from them: method, path, who may call, the first sentence of the handler. The rest
stands in tables, one entry for each route, under the names of the parties who call it.
"""
