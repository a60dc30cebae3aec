#!/usr/bin/env python3
"""Checks who includes whom: the rule of CONTRIBUTING.md, "Layers".

usage: layers.py [ROOT]

Prints "file:line: what" for each breach and exits 1 when there is one.
"""

import fnmatch
import os
import re
import sys

# A folder -> what its files may include of ours, beside their own folder:
# folders of this table, and single headers. A file belongs to the longest
# folder that it stands in or below; "server" is its own files alone.
LAYERS = {
    "server/base": [],
    "server/crypto": ["server/base"],
    "server/identity": ["server/base", "server/crypto/secret.h"],
    "server/http": ["server/base", "server/crypto/secret.h"],
    "server/wechat": [
        "server/base", "server/identity", "server/crypto", "server/http",
    ],
    "server/store": ["server/base", "server/identity",
                     "server/crypto/secret.h"],
    "server/store/postgres": [
        "server/store", "server/identity", "server/crypto", "server/base",
    ],
    "server/keeper": [
        "server/base", "server/identity", "server/wechat", "server/store",
        "server/crypto/secret.h",
        # To spread refreshes.
        "server/crypto/random.h",
    ],
    # Flows, side by side: how people are found, changed, erased; how they come
    # to be logged in. The web grants are both's.
    "server/person": [
        "server/base", "server/identity", "server/crypto", "server/wechat",
        "server/store", "server/keeper", "server/session/oauth_grants.h",
    ],
    "server/session": [
        "server/base", "server/identity", "server/crypto", "server/wechat",
        "server/store",
    ],
    # What operators write, read: files, YAML, what is wrong with them.
    "server/config/files": ["server/base", "server/crypto/secret.h"],
    # The key ring: its file, its replacement, the re-encryption that follows.
    "server/keys": ["server/base", "server/identity", "server/crypto",
                    "server/store", "server/config/files"],
    # Who may call what.
    "server/policy": ["server/base", "server/identity", "server/config/files"],
    "server/audit": ["server/base", "server/identity", "server/crypto"],
    # TLS by OpenSSL, and the files that it needs.
    "server/tls": ["server/base", "server/crypto", "server/config/files"],
    # gRPC's wire protocol, from the network to a call's handler.
    "server/edge": ["server/base", "server/crypto", "server/tls"],
    # Who calls.
    "server/callers": ["server/base", "server/identity", "server/policy",
                       "server/tls", "server/edge/call.h",
                       "server/rpc/caller.h"],
    # Serves HTTP: metrics.
    "server/http_server": ["server/base", "server/edge/accept_loop.h",
                           "server/edge/event_loop.h",
                           "server/edge/ip_key.h"],
    "server/rpc": [
        # Calls, and not what brings them.
        "server/edge/call.h",
        "server/audit", "server/base", "server/crypto", "server/identity",
        "server/wechat", "server/keeper", "server/keys", "server/person",
        "server/policy", "server/session", "server/store",
    ],
    # The configuration, with all that it names checked.
    "server/config": [
        "server/base", "server/crypto", "server/identity",
        "server/config/files", "server/policy", "server/tls",
        "server/edge/ip_ranges.h",
    ],
    # The wiring: everything that serves.
    "server/app": ["server/audit", "server/base", "server/callers",
                   "server/config", "server/config/files", "server/crypto",
                   "server/edge", "server/identity", "server/http",
                   "server/http_server", "server/wechat", "server/store",
                   "server/store/postgres", "server/keeper", "server/keys",
                   "server/person", "server/policy", "server/session",
                   "server/rpc", "server/tls"],
    # What a person runs.
    "server/cli": ["server/app", "server/audit", "server/base",
                   "server/config", "server/config/files", "server/crypto",
                   "server/identity", "server/keys", "server/store",
                   "server/store/postgres"],
    "server": ["server/cli", "server/base", "server/config"],
    # A program of its own: it shares formats with the server, not behaviour.
    "simulator": ["server/base", "server/crypto"],
    # For other people's programs: nothing of the server.
    "clients/cpp": [],
}

# What single files, by their names without .h or .cc, may include on top.
FILES = {
    # Ids are random, tokens are derived and kept as hashes.
    "server/identity/ids": ["server/crypto/random.h"],
    "server/identity/session_token": ["server/crypto"],
    # It is about keys.
    "server/store/key_store": ["server/crypto/key_ring.h"],
    # libpq knows what a connection URI is.
    "server/config/config_values": ["server/store/postgres/pool/pg_url.h"],
    # A client of its own, over gRPC.
    "server/cli/healthcheck": [
        "server/rpc/grpc/health/v1/health.grpc.pb.h"],
    "server/cli/library_versions": ["server/edge/nghttp2_version.h",
                                    "server/http/curl_version.h"],
}

# Of http, wechat and the stores, others use the interfaces, not what stands
# behind them: (header, who alone includes it).
IMPLEMENTATIONS = [
    ("server/http/curl_*.h",
     ["server/http/*", "server/app/*", "server/cli/library_versions.cc"]),
    ("server/http/curl_sockets.h", ["server/http/*"]),
    ("server/http/curl_transfer.h", ["server/http/*"]),
    ("server/store/postgres/*",
     ["server/store/postgres/*", "server/app/*", "server/cli/*",
      "server/config/config_values.cc"]),
]

# A library, by its headers -> the files that may include it.
THIRD_PARTY = [
    ("pqxx", r"pqxx(/.*)?|libpq-fe\.h|postgresql/.*",
     ["server/store/postgres/*"]),
    ("curl", r"curl/.*",
     ["server/http/curl_http_client.cc", "server/http/curl_sockets.h",
      "server/http/curl_transfer.*", "server/http/curl_version.cc"]),
    ("OpenSSL", r"openssl/.*",
     ["server/crypto/*.cc", "server/crypto/openssl_ptr.h", "server/tls/*.cc",
      "simulator/*.cc", "clients/cpp/wxident/*.cc"]),
    ("nghttp2", r"nghttp2/.*", ["server/edge/*"]),
    ("gRPC", r"(grpc|grpcpp|grpc\+\+)/.*|.*\.grpc\.pb\.h",
     ["server/cli/healthcheck.cc", "clients/cpp/*"]),
    ("protobuf", r"google/(protobuf|rpc)/.*|.*\.pb\.h",
     ["server/rpc/*", "server/policy/method_names.cc", "clients/cpp/*"]),
    ("utfcpp", r"utf8\.h|utf8/.*", ["server/base/utf8.cc"]),
    ("prometheus-cpp", r"prometheus/.*", ["server/base/*"]),
    ("yaml-cpp", r"yaml-cpp/.*", ["server/config/files/config_yaml.cc"]),
    ("nlohmann/json", r"nlohmann/.*",
     ["server/base/log.cc", "server/wechat/*", "server/rpc/*", "simulator/*",
      "clients/cpp/conformance/*"]),
    ("Boost", r"boost/.*",
     ["server/http_server/request_reader.cc",
      "server/http_server/response_text.cc", "simulator/*"]),
    ("GoogleTest", r"(gtest|gmock)/.*", ["clients/cpp/tests/*"]),
]

# Headers that one folder must do without.
WITHOUT = [
    ("server/identity/*",
     r"thread|mutex|shared_mutex|condition_variable|future",
     "identity is plain: no threads, no locks"),
]

# Coroutines are miscompiled by g++ 12; absl::Mutex hides races from
# ThreadSanitizer, because Debian's absl is not instrumented.
BANNED = [
    (r"(experimental/)?coroutine", "g++ 12 miscompiles coroutines"),
    (r"absl/synchronization/.*",
     "ThreadSanitizer does not see absl's locks; use <mutex>"),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def sources(root):
    for top in ("server", "simulator", "clients/cpp"):
        for folder, _, names in sorted(os.walk(os.path.join(root, top))):
            for name in sorted(names):
                if name.endswith((".h", ".cc")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def layer_of(path):
    """The folder of LAYERS that `path` belongs to; "" for none."""
    folder = os.path.dirname(path)
    if folder == "server":
        return folder
    while folder and (folder not in LAYERS or folder == "server"):
        folder = os.path.dirname(folder)
    return folder


def allowed(path, include):
    layer = layer_of(path)
    if not layer:
        return False
    permitted = [layer] + LAYERS[layer] + FILES.get(
        os.path.splitext(path)[0], [])
    return include in permitted or layer_of(include) in permitted


def breaches_of(path, include, ours):
    if ours and include.startswith(("server/", "simulator/", "tests/",
                                    "bench/")):
        if not allowed(path, include):
            yield (f"{layer_of(path) or os.path.dirname(path)} may not "
                   f"include {include}")
        for pattern, users in IMPLEMENTATIONS:
            if fnmatch.fnmatch(include, pattern) and not any(
                    fnmatch.fnmatch(path, user) for user in users):
                yield f"{include} is for {' and '.join(users)} alone"
        return
    for name, pattern, users in THIRD_PARTY:
        if re.fullmatch(pattern, include) and not any(
                fnmatch.fnmatch(path, user) for user in users):
            yield (f"{include}: {name} is for "
                   f"{' and '.join(users) or 'tests'} alone")
    for files, pattern, why in WITHOUT:
        if fnmatch.fnmatch(path, files) and re.fullmatch(pattern, include):
            yield f"{include}: {why}"
    for pattern, why in BANNED:
        if re.fullmatch(pattern, include):
            yield f"{include}: {why}"


def main(root):
    count = found = 0
    for path in sources(root):
        count += 1
        with open(os.path.join(root, path), encoding="utf-8") as text:
            for number, line in enumerate(text, 1):
                match = INCLUDE.match(line)
                if match is None:
                    continue
                for what in breaches_of(path, match[2], match[1] == '"'):
                    print(f"{path}:{number}: {what}")
                    found += 1
    if count == 0:
        print(f"{root}: no sources to check")
        return 1
    print(f"layers: {count} files, {found} breaches")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
