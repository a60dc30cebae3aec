"""Clients that play one scenario together."""

import threading

from catalog import Failed


class Meeting:
    """Where players wait for each other, so that one acts for all of them."""

    def __init__(self, parties):
        self._there = threading.Condition()
        self._parties = parties
        self._waiting = 0
        self._round = 0
        self._failure = None

    def act(self, action):
        """Runs the action of one player when all are here."""
        with self._there:
            self._waiting += 1
            mine = self._round
            self._there.notify_all()
            if not self._there.wait_for(
                    lambda: self._round != mine
                    or self._waiting >= self._parties, timeout=120):
                self._waiting -= 1
                raise Failed("the other clients did not come in 120 s")
            if self._round == mine:
                # The others wait for this lock meanwhile.
                self._failure = None
                try:
                    action()
                except Exception as error:  # Told to all of them.
                    self._failure = error
                self._waiting = 0
                self._round += 1
                self._there.notify_all()
            if self._failure is not None:
                raise Failed(f"the driver could not go on: {self._failure}")

    def leave(self):
        """Comes no more."""
        with self._there:
            self._parties -= 1
            self._there.notify_all()
