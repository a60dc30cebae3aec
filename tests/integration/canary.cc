#include "tests/integration/canary.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/crypto/base64.h"
#include "wxident/v1/options.pb.h"

namespace wxident {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// What all secrets are found by, so that an output of any size is walked once.
constexpr size_t kHead = sizeof(uint64_t);

uint64_t HeadOf(const char* text) {
  uint64_t head;
  std::memcpy(&head, text, kHead);
  return head;
}

bool IsDigit(absl::string_view text, size_t at) {
  return at < text.size() && absl::ascii_isdigit(text[at]);
}

// A phone number is none within a longer number.
bool StandsAlone(absl::string_view output, size_t at,
                 absl::string_view secret) {
  for (size_t i = 0; i < secret.size(); ++i)
    if (!IsDigit(secret, i)) return true;
  return !IsDigit(output, at + secret.size()) &&
         (at == 0 || !IsDigit(output, at - 1));
}

std::string LineAround(absl::string_view output, size_t at,
                       absl::string_view secret, const std::string& kind) {
  const size_t before = output.substr(0, at).rfind('\n');
  const size_t begin = before == absl::string_view::npos ? 0 : before + 1;
  const size_t after = at + secret.size();
  const absl::string_view rest =
      output.substr(after, output.find('\n', after) - after);
  return absl::StrCat(output.substr(begin, at - begin), "<", kind, ">", rest);
}

}  // namespace

void Canary::AddSecret(const std::string& kind, const std::string& text) {
  if (text.size() < kHead) return;
  std::lock_guard<std::mutex> lock(mutex_);
  secrets_.emplace(text, kind);
}

void Canary::AddKey(const std::string& kind, const std::string& base64) {
  const std::optional<std::string> bytes = Base64Decode(base64);
  ASSERT_TRUE(bytes.has_value());
  const std::string hex = absl::BytesToHexString(*bytes);
  for (const std::string& text :
       {base64, *bytes, hex, absl::AsciiStrToUpper(hex)})
    AddSecret(kind, text);
}

void Canary::AddSecretsOf(const Message& answer) {
  const Reflection& reflection = *answer.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(answer, &fields);
  for (const FieldDescriptor* field : fields) {
    const int count =
        field->is_repeated() ? reflection.FieldSize(answer, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->message_type() != nullptr) {
        AddSecretsOf(field->is_repeated()
                         ? reflection.GetRepeatedMessage(answer, field, i)
                         : reflection.GetMessage(answer, field));
      } else if (field->options().GetExtension(v1::sensitive) &&
                 field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        AddSecret(absl::StrCat("a ", field->name()),
                  field->is_repeated()
                      ? reflection.GetRepeatedString(answer, field, i)
                      : reflection.GetString(answer, field));
      }
    }
  }
}

void Canary::AddOutput(const std::string& place, std::string text) {
  std::lock_guard<std::mutex> lock(mutex_);
  outputs_.emplace(place, std::move(text));
}

std::vector<Canary::Hit> Canary::Search() const {
  std::lock_guard<std::mutex> lock(mutex_);
  using Secret = std::pair<const std::string, std::string>;
  std::unordered_multimap<uint64_t, const Secret*> by_head;
  // Most places begin no secret, which these bits tell at once.
  std::vector<bool> heads(1u << 16);
  for (const Secret& secret : secrets_) {
    const uint64_t head = HeadOf(secret.first.data());
    by_head.emplace(head, &secret);
    heads[(head ^ head >> 29) & 0xffff] = true;
  }
  std::vector<Hit> hits;
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& [place, output] : outputs_) {
    for (size_t at = 0; at + kHead <= output.size(); ++at) {
      const uint64_t head = HeadOf(output.data() + at);
      if (!heads[(head ^ head >> 29) & 0xffff]) continue;
      const auto [first, last] = by_head.equal_range(head);
      for (auto found = first; found != last; ++found) {
        const auto& [text, kind] = *found->second;
        if (output.compare(at, text.size(), text) != 0 ||
            !StandsAlone(output, at, text) || !seen.emplace(kind, place).second)
          continue;
        hits.push_back({kind, place, LineAround(output, at, text, kind)});
      }
    }
  }
  return hits;
}

void Canary::Check() {
  for (const Hit& hit : Search())
    ADD_FAILURE() << hit.kind << " stands in " << hit.place << ":\n"
                  << hit.line;
  std::lock_guard<std::mutex> lock(mutex_);
  outputs_.clear();
}

size_t Canary::secrets() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return secrets_.size();
}

}  // namespace wxident
