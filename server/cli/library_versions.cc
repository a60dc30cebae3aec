#include "server/cli/library_versions.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "server/base/log.h"
#include "server/crypto/openssl_version.h"
#include "server/edge/nghttp2_version.h"
#include "server/http/curl_version.h"
#include "server/store/postgres/pool/libpq_version.h"

namespace wxident {
namespace {

std::vector<int> Numbers(absl::string_view version) {
  std::vector<int> out;
  for (absl::string_view part : absl::StrSplit(version, '.')) {
    int number = 0;
    (void)absl::SimpleAtoi(part, &number);
    out.push_back(number);
  }
  return out;
}

}  // namespace

std::vector<LibraryVersion> LibraryVersions() {
  return {{"OpenSSL", OpenSslVersion(), "3.0.22"},
          {"nghttp2", Nghttp2Version(), "1.52.0"},
          {"curl", CurlVersion(), "7.88.1"},
          {"libpq", LibpqVersion(), "15.20"}};
}

bool IsOlder(absl::string_view version, absl::string_view minimum) {
  return Numbers(version) < Numbers(minimum);
}

void LogLibraryVersions() {
  for (const LibraryVersion& library : LibraryVersions()) {
    const bool old = IsOlder(library.version, library.minimum);
    Log(old ? LogLevel::kWarning : LogLevel::kInfo,
        old ? "library with known holes; bring it up to date, start again"
            : "library",
        {{"library", library.name},
         {"version", library.version},
         {"minimum", library.minimum}});
  }
}

}  // namespace wxident
