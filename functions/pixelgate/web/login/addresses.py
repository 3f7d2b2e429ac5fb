"""Which addresses the login may send a browser to, or ask itself."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

MAX_PATH = 1_000  # characters; it is carried in a cookie
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PLAIN = "/?%&=#:;@!$'()*+,-._~[]"  # what stays as it is in a path with its query


def is_loopback(url: str) -> bool:
    """Whether an address is plain http of this machine, as in tests."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and parts.hostname in _LOOPBACK
    except ValueError:
        return False


def problem_of(url: str, *, loopback: bool = True) -> str | None:
    """Says why the login asks no such address; None if it does.

    Args:
        url: the address.
        loopback: whether plain http of this machine is fine too.
    """
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "has characters that an address may not have"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "is no address"
    if parts.scheme != "https" and not (loopback and is_loopback(url)):
        return "must begin with https://"
    if not parts.hostname:
        return "names no host"
    if "@" in parts.netloc:
        return "may hold no user name"
    return "may hold no #" if parts.fragment or url.endswith("#") else None


def path_of_site(to: str) -> str | None:
    """Returns a path of the site, ready for a Location header; None if `to` is none.

    A path is where a browser goes after the login, so it may not lead to another site: it begins
    with one slash and has no backslash and no control character. A path of the login itself, or a
    very long one, becomes the first page.
    """
    if not to.startswith("/") or to.startswith("//") or "\\" in to or not to.isprintable():
        return None
    try:
        path = quote(to, safe=_PLAIN)
    except UnicodeEncodeError:  # half a surrogate pair
        return None
    bare = path.partition("#")[0].partition("?")[0]
    own = any(bare == page or bare.startswith(f"{page}/") for page in ("/login", "/logout"))
    return "/" if own or len(path) > MAX_PATH else path
