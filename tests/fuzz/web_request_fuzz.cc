// What a client sends to the HTTP server over one connection. The first byte is
// the size of the pieces that the rest comes in; 0: all at once.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "server/http_server/request_reader.h"

namespace {

using wxident::RequestReader;
using wxident::WebRequest;

constexpr RequestReader::Limits kLimits = {.header_bytes = 512,
                                           .body_bytes = 256};

void Check(bool ok) {
  if (!ok) std::abort();
}

struct Read {
  std::vector<WebRequest> requests;
  int refusal = 0;
};

Read ReadAll(absl::string_view bytes, size_t piece) {
  RequestReader reader(kLimits);
  Read out;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    reader.Feed(bytes.substr(0, piece));
    while (std::optional<WebRequest> request = reader.Next())
      out.requests.push_back(*std::move(request));
    reader.TakeContinue();
  }
  if (reader.refusal().has_value()) out.refusal = reader.refusal()->status;
  return out;
}

void CheckRequest(const WebRequest& request) {
  Check(!request.method.empty());
  Check(!request.path.empty() && request.path.front() == '/');
  Check(request.path.find('?') == request.path.npos);
  Check(request.body.size() <= kLimits.body_bytes);
  size_t size = 0;
  for (const auto& [name, value] : request.fields) {
    Check(name == absl::AsciiStrToLower(name));
    Check(value.find_first_of("\r\n") == value.npos);
    size += name.size() + value.size();
  }
  Check(size <= kLimits.header_bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data) + 1,
                                size - 1);
  const Read whole = ReadAll(bytes, bytes.size());
  for (const WebRequest& request : whole.requests) CheckRequest(request);
  Check(whole.refusal == 0 || (whole.refusal >= 400 && whole.refusal <= 505));
  // It is the same in whatever pieces it comes.
  if (data[0] == 0) return 0;
  const Read pieces = ReadAll(bytes, data[0]);
  Check(pieces.requests.size() == whole.requests.size());
  Check(pieces.refusal == whole.refusal);
  for (size_t i = 0; i < whole.requests.size(); ++i) {
    Check(pieces.requests[i].path == whole.requests[i].path);
    Check(pieces.requests[i].fields == whole.requests[i].fields);
    Check(pieces.requests[i].body == whole.requests[i].body);
  }
  return 0;
}
