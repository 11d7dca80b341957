"""The pages of residents: server-rendered, mobile first, whole without scripts.

Owns no table. Pages call services as routes of the API do; the one script in the browser uses the public API.
"""
