#include "server/callers/forwarded_certificate.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

constexpr absl::string_view kField = "x-forwarded-client-cert";

absl::Status Nobody(absl::string_view why) {
  return Error(Reason::kCallerUnauthenticated,
               absl::StrCat("the proxy that this call came by ", why,
                            "; it must set x-forwarded-client-cert, see "
                            "docs/proxies.md"))
      .ToStatus();
}

// One element: its pairs in their order.
using Element = std::vector<std::pair<absl::string_view, std::string>>;

// Takes a value off `rest`, up to what ends it; nullopt when it is not well
// formed.
std::optional<std::string> TakeValue(absl::string_view& rest) {
  std::string out;
  if (!absl::ConsumePrefix(&rest, "\"")) {
    const size_t end = rest.find_first_of(";,\"");
    out = std::string(rest.substr(0, end));
    rest.remove_prefix(out.size());
    return out;
  }
  while (!rest.empty()) {
    const char next = rest[0];
    rest.remove_prefix(1);
    if (next == '"') return out;
    // Of all characters, the quote alone is escaped.
    if (next == '\\' && absl::ConsumePrefix(&rest, "\""))
      out += '"';
    else
      out += next;
  }
  return std::nullopt;
}

// The last element of all, which must all be well formed.
std::optional<Element> LastElement(absl::string_view rest) {
  Element out;
  while (true) {
    const size_t equals = rest.find('=');
    if (equals == rest.npos || equals == 0) return std::nullopt;
    const absl::string_view name = rest.substr(0, equals);
    if (!std::all_of(name.begin(), name.end(), absl::ascii_isalnum))
      return std::nullopt;
    rest.remove_prefix(equals + 1);
    std::optional<std::string> value = TakeValue(rest);
    if (!value.has_value()) return std::nullopt;
    out.emplace_back(name, *std::move(value));
    if (rest.empty()) return out;
    if (absl::ConsumePrefix(&rest, ",")) {
      out.clear();
      rest = absl::StripLeadingAsciiWhitespace(rest);
    } else if (!absl::ConsumePrefix(&rest, ";")) {
      return std::nullopt;
    }
  }
}

// %41 -> A; nullopt when it is not well formed.
std::optional<std::string> DecodePercent(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (!absl::ConsumePrefix(&text, "%")) {
      out += text[0];
      text.remove_prefix(1);
      continue;
    }
    if (text.size() < 2 || !absl::ascii_isxdigit(text[0]) ||
        !absl::ascii_isxdigit(text[1]))
      return std::nullopt;
    out += absl::HexStringToBytes(text.substr(0, 2));
    text.remove_prefix(2);
  }
  return out;
}

absl::StatusOr<Certificate> ReadCertificate(absl::string_view text) {
  const std::optional<std::string> pem = DecodePercent(text);
  if (!pem.has_value()) return Nobody("has sent a Cert that cannot be read");
  absl::StatusOr<std::vector<Certificate>> read = ParseCertificates(*pem);
  if (!read.ok() || read->size() != 1)
    return Nobody("has sent a Cert that is not one certificate, PEM");
  return std::move(read->front());
}

}  // namespace

absl::StatusOr<Certificate> ReadForwardedCertificate(
    const MetadataFields& metadata) {
  const std::string* field = nullptr;
  for (const auto& [name, value] : metadata) {
    if (name != kField) continue;
    if (field != nullptr) return Nobody("has sent several of them");
    field = &value;
  }
  if (field == nullptr) return Nobody("has not said whose it is");
  const std::optional<Element> element = LastElement(*field);
  if (!element.has_value()) return Nobody("has sent one that cannot be read");

  Certificate out{};
  out.not_before = absl::InfinitePast();
  out.not_after = absl::InfiniteFuture();
  const std::string* certificate = nullptr;
  for (const auto& [name, value] : *element) {
    if (name == "URI") {
      // Envoy says so of a certificate without any.
      if (!value.empty()) out.uris.push_back(value);
    } else if (name == "Cert") {
      if (certificate != nullptr) return Nobody("has sent two in one element");
      certificate = &value;
    }
  }
  if (certificate != nullptr) return ReadCertificate(*certificate);
  return out;
}

}  // namespace wxident
