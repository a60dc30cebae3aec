#ifndef WXIDENT_SERVER_EDGE_REQUEST_HEAD_H_
#define WXIDENT_SERVER_EDGE_REQUEST_HEAD_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/edge/call.h"

namespace wxident {

// The fields of one request: gRPC's own are understood, a program's are kept,
// and what is wrong with them is found out when all have come, so that HPACK's
// state is right for the requests that follow.
class RequestHead {
 public:
  // Names, values, and 32 bytes for each field (RFC 9113, 6.5.2).
  static constexpr size_t kMaxBytes = 8 << 10;

  void Add(absl::string_view name, absl::string_view value);

  // 200, or HTTP's answer to what is no call of gRPC's at all.
  int HttpStatus() const;
  // What a call of gRPC's is refused for: RESOURCE_EXHAUSTED for more than
  // kMaxBytes, UNIMPLEMENTED for compression, INTERNAL for what cannot be read.
  const absl::Status& status() const { return status_; }

  const std::string& path() const { return path_; }
  const MetadataFields& metadata() const { return metadata_; }
  const std::optional<absl::Duration>& timeout() const { return timeout_; }

 private:
  void AddGrpc(absl::string_view name, absl::string_view value);
  void AddBinary(absl::string_view name, absl::string_view value);

  size_t bytes_ = 0;
  bool is_post_ = false;
  bool is_grpc_ = false;
  std::string path_;
  MetadataFields metadata_;
  std::optional<absl::Duration> timeout_;
  absl::Status status_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_REQUEST_HEAD_H_
