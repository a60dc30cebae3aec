#ifndef WXIDENT_SERVER_EDGE_ANSWER_FIELDS_H_
#define WXIDENT_SERVER_EDGE_ANSWER_FIELDS_H_

#include <nghttp2/nghttp2.h>

#include <deque>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/edge/call.h"

namespace wxident {

// The fields of one block of an answer, for as long as nghttp2 reads them. What
// is added outlives this, unless it had to be encoded.
class AnswerFields {
 public:
  // What an answer of gRPC's begins with.
  void AddHead(const MetadataFields& initial_metadata);
  // What it ends with.
  void AddStatus(const CallStatus& status);
  // An answer that is HTTP's alone.
  void AddHttpStatus(int status);

  const nghttp2_nv* data() const { return fields_.data(); }
  size_t size() const { return fields_.size(); }

 private:
  // One that clients may well hear again, or that they will not.
  void AddUsual(absl::string_view name, absl::string_view value);
  void AddOnce(absl::string_view name, absl::string_view value);
  void AddMetadata(const MetadataFields& metadata);
  absl::string_view Keep(std::string value);

  std::vector<nghttp2_nv> fields_;
  std::deque<std::string> kept_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_ANSWER_FIELDS_H_
