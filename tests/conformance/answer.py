"""Looks into what a client answered."""

import json
import re
import threading

# Fields of answers that nobody may find in a log or in an error.
_SECRET_FIELDS = {"session_token", "access_token", "phone_number",
                  "pure_phone_number", "code", "session_key"}


class Secrets:
    """What was a secret in this run. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self._texts = set()

    def learn(self, value):
        """Takes the secrets out of an answer."""
        if isinstance(value, dict):
            for key, item in value.items():
                if key in _SECRET_FIELDS and isinstance(item, str) \
                        and len(item) > 7:
                    with self._lock:
                        self._texts.add(item)
                else:
                    self.learn(item)
        elif isinstance(value, list):
            for item in value:
                self.learn(item)

    def inside(self, text):
        """A secret that a text holds, shortened, or None."""
        with self._lock:
            return next((each[:9] + "..." for each in self._texts
                         if each in text), None)


def at(value, path):
    """What stands at a path like identities.0.openid, or None."""
    for part in path.split("."):
        try:
            value = value[int(part) if isinstance(value, list) else part]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return value


_NOTHING = (None, False, 0, "", "0", [], {})


def mismatch(wanted, got, path):
    """How `got` is not what is wanted, or None. What JSON may leave out, as
    it is zero, may be missing; members that are not named may be anything."""
    where = path or "the answer"
    if isinstance(wanted, dict):
        if wanted and not isinstance(got, dict):
            return f"{where}: wanted {short(wanted)}, got {short(got)}"
        for key, item in wanted.items():
            problem = mismatch(item, got.get(key),
                               f"{path}.{key}" if path else key)
            if problem:
                return problem
        return None
    if isinstance(wanted, list):
        if len(wanted) != len(got or []):
            return f"{where}: wanted {len(wanted)} of them, got {short(got)}"
        return next(filter(None, (
            mismatch(item, got[i], f"{path}.{i}")
            for i, item in enumerate(wanted))), None)
    if isinstance(wanted, str) and wanted.startswith("~"):
        if isinstance(got, str) and re.search(wanted[1:], got):
            return None
        return f"{where}: wanted text like {wanted[1:]!r}, got {short(got)}"
    if wanted == got and type(wanted) is type(got):
        return None
    if wanted in _NOTHING and got in _NOTHING:
        return None
    return f"{where}: wanted {short(wanted)}, got {short(got)}"


def short(value):
    text = value if isinstance(value, str) else \
        json.dumps(value, ensure_ascii=False)
    return text if len(text) < 400 else text[:400] + "..."
