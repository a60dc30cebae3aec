#include "simulator/redirect_uri.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace wxident::simulator {

std::string RedirectHost(absl::string_view uri) {
  // What is not URL-encoded could end the Location header.
  for (unsigned char c : uri)
    if (c <= ' ' || c >= 0x7f) return "";
  size_t start = 0;
  if (absl::StartsWithIgnoreCase(uri, "https://")) start = 8;
  if (absl::StartsWithIgnoreCase(uri, "http://")) start = 7;
  if (start == 0) return "";
  absl::string_view authority = uri.substr(start);
  // Browsers take '\' for '/'.
  authority = authority.substr(0, authority.find_first_of("/\\?#"));
  if (absl::StrContains(authority, '@')) return "";
  return absl::AsciiStrToLower(authority.substr(0, authority.find(':')));
}

std::string WithQuery(absl::string_view uri, absl::string_view parameters) {
  const size_t hash = uri.find('#');
  const absl::string_view page = uri.substr(0, hash);
  const absl::string_view fragment =
      hash == absl::string_view::npos ? "" : uri.substr(hash);
  return absl::StrCat(page, absl::StrContains(page, '?') ? "&" : "?",
                      parameters, fragment);
}

}  // namespace wxident::simulator
