#include "server/rpc/redacted.h"

#include <google/protobuf/descriptor.h>

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/log.h"
#include "wxident/v1/options.pb.h"

namespace wxident {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kMostText = 64;
constexpr size_t kMostLine = 256;
// Deeper than any message of the contract.
constexpr int kMostDepth = 8;

void AppendText(std::string& out, absl::string_view text) {
  const bool cut = text.size() > kMostText;
  absl::StrAppend(&out, "\"", absl::CHexEscape(text.substr(0, kMostText)),
                  cut ? "\"..." : "\"");
}

void AppendMessage(std::string& out, const Message& message, int depth);

// The field, or its element `index` when that is not negative.
void AppendValue(std::string& out, const Message& message,
                 const FieldDescriptor& field, int index, int depth) {
  const Reflection& reflection = *message.GetReflection();
  const bool repeated = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      absl::StrAppend(&out, "{");
      AppendMessage(out,
                    repeated
                        ? reflection.GetRepeatedMessage(message, &field, index)
                        : reflection.GetMessage(message, &field),
                    depth + 1);
      absl::StrAppend(&out, " }");
      return;
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string kept;
      AppendText(out, repeated ? reflection.GetRepeatedStringReference(
                                     message, &field, index, &kept)
                               : reflection.GetStringReference(message, &field,
                                                               &kept));
      return;
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      const EnumValueDescriptor* value =
          repeated ? reflection.GetRepeatedEnum(message, &field, index)
                   : reflection.GetEnum(message, &field);
      absl::StrAppend(&out, value->name());
      return;
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      absl::StrAppend(
          &out, (repeated ? reflection.GetRepeatedBool(message, &field, index)
                          : reflection.GetBool(message, &field))
                    ? "true"
                    : "false");
      return;
    case FieldDescriptor::CPPTYPE_INT32:
      absl::StrAppend(
          &out, repeated ? reflection.GetRepeatedInt32(message, &field, index)
                         : reflection.GetInt32(message, &field));
      return;
    case FieldDescriptor::CPPTYPE_INT64:
      absl::StrAppend(
          &out, repeated ? reflection.GetRepeatedInt64(message, &field, index)
                         : reflection.GetInt64(message, &field));
      return;
    case FieldDescriptor::CPPTYPE_UINT32:
      absl::StrAppend(
          &out, repeated ? reflection.GetRepeatedUInt32(message, &field, index)
                         : reflection.GetUInt32(message, &field));
      return;
    case FieldDescriptor::CPPTYPE_UINT64:
      absl::StrAppend(
          &out, repeated ? reflection.GetRepeatedUInt64(message, &field, index)
                         : reflection.GetUInt64(message, &field));
      return;
    case FieldDescriptor::CPPTYPE_FLOAT:
      absl::StrAppend(
          &out, repeated ? reflection.GetRepeatedFloat(message, &field, index)
                         : reflection.GetFloat(message, &field));
      return;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      absl::StrAppend(
          &out, repeated ? reflection.GetRepeatedDouble(message, &field, index)
                         : reflection.GetDouble(message, &field));
      return;
  }
}

void AppendMessage(std::string& out, const Message& message, int depth) {
  if (depth > kMostDepth) {
    absl::StrAppend(&out, " ...");
    return;
  }
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool message_field =
        field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    const int count = field->is_repeated()
                          ? message.GetReflection()->FieldSize(message, field)
                          : 1;
    for (int i = 0; i < count; ++i) {
      if (out.size() > kMostLine) {
        absl::StrAppend(&out, " ...");
        return;
      }
      absl::StrAppend(&out, " ", field->name());
      if (field->options().GetExtension(v1::sensitive)) {
        absl::StrAppend(&out, ": [redacted]");
        break;
      }
      absl::StrAppend(&out, message_field ? " " : ": ");
      AppendValue(out, message, *field, field->is_repeated() ? i : -1, depth);
    }
  }
}

}  // namespace

std::string Redacted(const Message& message) {
  std::string out;
  AppendMessage(out, message, 0);
  return out.empty() ? out : out.substr(1);
}

void LogRequest(absl::string_view rpc, const Message& request) {
  if (!IsLogged(LogLevel::kDebug)) return;
  Log(LogLevel::kDebug, "call",
      {{"rpc", std::string(rpc)}, {"request", Redacted(request)}});
}

}  // namespace wxident
