"""A wxident server inside the process, for unit tests of what calls wxident.

    with wxident.fake.FakeServer() as fake:
        fake.add_app("wx0123456789abcdef")
        alice = fake.add_user("wx0123456789abcdef", "alice")
        client = fake.client()
        answer = client.login(alice.app_id, mini_program_code=alice.login_code())

It listens on a free port of 127.0.0.1 and answers over gRPC, with the status
codes, reasons and push-back of the real one. It keeps everything in memory,
knows no WeChat, and takes encrypted data only from FakeUser.encrypt.
"""

from wxident.fake._server import FakeServer
from wxident.fake._traffic import RecordedCall
from wxident.fake._world import FakeUser

__all__ = ["FakeServer", "FakeUser", "RecordedCall"]
