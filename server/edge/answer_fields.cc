#include "server/edge/answer_fields.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/edge/wire.h"

namespace wxident {
namespace {

constexpr absl::string_view kCodes[] = {"0",  "1",  "2",  "3",  "4",  "5",
                                        "6",  "7",  "8",  "9",  "10", "11",
                                        "12", "13", "14", "15", "16"};

uint8_t* BytesOf(absl::string_view text) {
  // nghttp2 does not write to them.
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
}

nghttp2_nv FieldOf(absl::string_view name, absl::string_view value,
                   uint8_t flags) {
  return {BytesOf(name), BytesOf(value), name.size(), value.size(), flags};
}

}  // namespace

void AnswerFields::AddUsual(absl::string_view name, absl::string_view value) {
  fields_.push_back(
      FieldOf(name, value,
              NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE));
}

void AnswerFields::AddOnce(absl::string_view name, absl::string_view value) {
  // Indexed, it would only drive out of HPACK's table what comes again.
  fields_.push_back(FieldOf(name, value, NGHTTP2_NV_FLAG_NO_INDEX));
}

void AnswerFields::AddHead(const MetadataFields& initial_metadata) {
  AddUsual(":status", "200");
  AddUsual("content-type", "application/grpc");
  AddMetadata(initial_metadata);
}

void AnswerFields::AddStatus(const CallStatus& status) {
  AddUsual("grpc-status", kCodes[static_cast<int>(status.code)]);
  if (!status.message.empty())
    AddOnce("grpc-message", Keep(PercentEncode(status.message)));
  if (!status.details.empty())
    AddOnce("grpc-status-details-bin", Keep(EncodeBinaryField(status.details)));
  AddMetadata(status.trailers);
}

void AnswerFields::AddHttpStatus(int status) {
  AddOnce(":status", Keep(absl::StrCat(status)));
  if (status == 405) AddUsual("allow", "POST");
}

void AnswerFields::AddMetadata(const MetadataFields& metadata) {
  for (const auto& [name, value] : metadata)
    AddOnce(name, absl::EndsWith(name, "-bin") ? Keep(EncodeBinaryField(value))
                                               : absl::string_view(value));
}

absl::string_view AnswerFields::Keep(std::string value) {
  return kept_.emplace_back(std::move(value));
}

}  // namespace wxident
