// What a proxy that appends its element makes of what a client has sent: the
// client's is the input, the proxy's is what counts.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/callers/forwarded_certificate.h"

namespace {

constexpr char kUri[] = "spiffe://example.com/client";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  (void)wxident::ReadForwardedCertificate(
      {{"x-forwarded-client-cert", std::string(input)}});
  const absl::StatusOr<wxident::Certificate> read =
      wxident::ReadForwardedCertificate(
          {{"x-forwarded-client-cert",
            absl::StrCat(input, ",By=spiffe://example.com/gateway;Hash=00;",
                         "Subject=\"CN=client\";URI=", kUri)}});
  if (read.ok() && (read->uris.size() != 1 || read->uris[0] != kUri))
    std::abort();
  return 0;
}
