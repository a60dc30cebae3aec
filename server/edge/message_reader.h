#ifndef WXIDENT_SERVER_EDGE_MESSAGE_READER_H_
#define WXIDENT_SERVER_EDGE_MESSAGE_READER_H_

#include <cstddef>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace wxident {

// Finds gRPC's messages in the body of a request, which comes in any pieces.
class MessageReader {
 public:
  explicit MessageReader(size_t max_message_bytes) : max_(max_message_bytes) {}

  // Calls `found` for each message that is whole by now, as long as it returns
  // true. Fails with RESOURCE_EXHAUSTED, before it is kept, for a message that
  // is larger than allowed, and with INTERNAL for a compressed one; nothing may
  // be read after that.
  absl::Status Read(absl::string_view bytes,
                    absl::FunctionRef<bool(absl::string_view)> found);

  // Of a message that is not whole: what is kept. 0 between messages.
  size_t kept() const { return kept_.size(); }

 private:
  static constexpr size_t kPrefix = 5;

  // How many bytes the message is that `kept_` begins, its prefix included.
  absl::Status Measure(absl::string_view prefix, size_t& size) const;

  const size_t max_;
  std::string kept_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_MESSAGE_READER_H_
