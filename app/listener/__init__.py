"""Who connects: the listening socket, the limits of each connection, and uvicorn over both.

It owns what happens before there is a request and after there is an answer. It knows no feature and no database; the
applications that it serves are handed to it. docs/decisions/0016 says why uvicorn serves.
"""
