"""Plants breaches of the layering rule and sees that each is found."""

import contextlib
import importlib.util
import io
import os
import sys
import tempfile
import unittest

ROOT = os.environ["WXIDENT_ROOT"]
SPEC = importlib.util.spec_from_file_location(
    "layers", os.path.join(ROOT, "script/lib/layers.py"))
layers = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(layers)


def check(root):
    """(exit code, lines) of the check."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = layers.main(root)
    return code, out.getvalue().splitlines()


def check_planted(path, line):
    with tempfile.TemporaryDirectory() as root:
        os.makedirs(os.path.join(root, os.path.dirname(path)))
        with open(os.path.join(root, path), "w", encoding="utf-8") as out:
            out.write("#include <string>\n" + line + "\n")
        return check(root)


BREACHES = [
    ("server/base/log.cc", '#include "server/crypto/secret.h"'),
    ("server/crypto/hash.cc", '#include "server/identity/types.h"'),
    ("server/identity/error.cc", '#include "server/crypto/hash.h"'),
    ("server/identity/error.cc", "#include <mutex>"),
    ("server/identity/error.cc", "#include <google/rpc/status.pb.h>"),
    ("server/http/curl_loop.cc", '#include "server/identity/error.h"'),
    ("server/http/curl_loop.cc", "#include <curl/curl.h>"),
    ("server/http/curl_http_client.h", "#include <curl/curl.h>"),
    ("server/wechat/client.cc", '#include "server/store/credential_store.h"'),
    ("server/wechat/client.cc", '#include "server/http/curl_http_client.h"'),
    ("server/app/server.cc", '#include "server/http/curl_transfer.h"'),
    ("server/store/x.h", '#include "server/store/postgres/pool.h"'),
    ("server/store/x.h", "#include <pqxx/pqxx>"),
    ("server/store/postgres/pool.cc", '#include "server/rpc/login_call.h"'),
    ("server/store/postgres/pool.cc", '#include "server/wechat/wechat_api.h"'),
    ("server/keeper/k.cc", '#include "server/rpc/login_call.h"'),
    ("server/rpc/login_call.cc", '#include "server/store/postgres/pool.h"'),
    ("server/rpc/login_call.cc", '#include "server/config/config.h"'),
    ("server/rpc/login_call.cc", "#  include <pqxx/pqxx>"),
    ("server/session/s.cc", '#include "protos/wxident/v1/types.pb.h"'),
    ("server/session/s.cc", "#include <grpcpp/grpcpp.h>"),
    ("server/rpc/x.cc", "#include <grpcpp/grpcpp.h>"),
    ("server/rpc/x.cc", '#include "server/edge/stream.h"'),
    ("server/config/config.cc", "#include <yaml-cpp/yaml.h>"),
    ("clients/cpp/wxident/client.cc", '#include "server/base/clock.h"'),
    ("clients/cpp/wxident/client.h", "#include <openssl/ssl.h>"),
    ("clients/cpp/wxident/fake.cc", "#include <gtest/gtest.h>"),
    ("server/config/config.cc", "#include <openssl/evp.h>"),
    ("server/crypto/hash.h", "#include <openssl/evp.h>"),
    ("server/rpc/log.cc", "#include <utf8.h>"),
    ("server/rpc/log.cc", "#include <prometheus/counter.h>"),
    ("server/http_server/http_server.cc", "#include <boost/asio.hpp>"),
    ("server/http_server/x.cc", '#include "server/edge/edge_server.h"'),
    ("server/app/x.cc", '#include "tests/base/fake_clock.h"'),
    ("server/app/x.cc", "#include <gtest/gtest.h>"),
    ("server/app/x.cc", "#include <coroutine>"),
    ("server/app/x.cc", '#include "absl/synchronization/mutex.h"'),
    ("server/novel/x.cc", '#include "server/base/clock.h"'),
    ("server/person/x.cc", '#include "server/session/session_cache.h"'),
    ("server/session/x.cc", '#include "server/person/phones.h"'),
    ("server/policy/x.cc", '#include "server/config/config.h"'),
    ("server/policy/x.cc", '#include "protos/wxident/v1/types.pb.h"'),
    ("server/tls/x.cc", '#include "server/config/config.h"'),
    ("server/tls/x.h", "#include <openssl/ssl.h>"),
    ("server/edge/x.cc", '#include "server/callers/tls_callers.h"'),
    ("server/callers/x.cc", '#include "server/edge/stream.h"'),
    ("server/keys/x.cc", '#include "server/config/config.h"'),
    ("server/config/x.cc", '#include "server/store/postgres/pool/pg_url.h"'),
    ("server/app/x.cc", '#include "server/cli/serve.h"'),
    ("server/app/x.cc", '#include "wxident/v1/types.pb.h"'),
    ("server/cli/x.cc", '#include "server/rpc/login_call.h"'),
    ("simulator/x.cc", '#include "server/wechat/wechat_api.h"'),
]

GOOD = [
    ("server/http_server/request_reader.cc",
     "#include <boost/beast/http/parser.hpp>"),
    ("server/crypto/hash.cc", "#include <openssl/evp.h>"),
    ("server/http/curl_http_client.cc", "#include <curl/curl.h>"),
    ("server/http/curl_transfer.h", "#include <curl/curl.h>"),
    ("server/app/server.cc", '#include "server/http/curl_http_client.h"'),
    ("server/store/postgres/pool.cc", "#include <pqxx/pqxx>"),
    ("server/store/postgres/pool.cc", '#include "server/store/x.h"'),
    ("server/config/files/config_yaml.cc", "#include <yaml-cpp/parser.h>"),
    ("server/app/server.cc", '#include "server/store/postgres/pool.h"'),
    ("server/cli/healthcheck.cc", "#include <grpcpp/channel.h>"),
    ("server/rpc/x.cc", '#include "server/edge/call.h"'),
    ("server/wechat/client.cc", '#include "server/http/http_client.h"'),
    ("server/identity/session_token.cc", '#include "server/crypto/hash.h"'),
    ("server/tls/tls_server.cc", "#include <openssl/ssl.h>"),
    ("server/config/x.cc", '#include "server/config/files/config_yaml.h"'),
    ("server/policy/method_names.cc",
     '#include "wxident/v1/identity_service.pb.h"'),
    ("server/store/postgres/person/x.cc",
     '#include "server/store/postgres/sql/pg_array.h"'),
    ("server/cli/keys_command.cc",
     '#include "server/store/postgres/pool/pg_pool.h"'),
    ("simulator/a/x.cc", '#include "simulator/b/y.h"'),
]


class LayersTest(unittest.TestCase):

    def test_the_tree_keeps_the_rule(self):
        code, lines = check(ROOT)
        self.assertEqual(code, 0, "\n".join(lines))

    def test_each_breach_is_found_with_its_place(self):
        for path, line in BREACHES:
            with self.subTest(path=path, line=line):
                code, lines = check_planted(path, line)
                self.assertEqual(code, 1)
                self.assertTrue(lines[0].startswith(path + ":2: "), lines)
                self.assertRegex(lines[-1], "^layers: 1 files, [12] breaches$")

    def test_what_is_allowed_is_no_breach(self):
        for path, line in GOOD:
            with self.subTest(path=path, line=line):
                self.assertEqual(check_planted(path, line),
                                 (0, ["layers: 1 files, 0 breaches"]))

    def test_an_empty_tree_is_no_success(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(check(root)[0], 1)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
