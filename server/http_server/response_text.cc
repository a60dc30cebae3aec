#include "server/http_server/response_text.h"

#include <boost/beast/http/status.hpp>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace wxident {
namespace {

// A value that would end its line does not.
void AddField(absl::string_view name, absl::string_view value,
              std::string& out) {
  absl::StrAppend(&out, name, ": ");
  for (const char c : value)
    out += absl::ascii_iscntrl(static_cast<unsigned char>(c)) ? ' ' : c;
  out += "\r\n";
}

}  // namespace

std::string ResponseText(const WebResponse& response, bool with_body,
                         bool keep_alive, absl::Time now) {
  const auto reason = boost::beast::http::obsolete_reason(
      static_cast<boost::beast::http::status>(response.status));
  std::string out =
      absl::StrCat("HTTP/1.1 ", response.status, " ",
                   absl::string_view(reason.data(), reason.size()), "\r\n");
  AddField(
      "date",
      absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", now, absl::UTCTimeZone()),
      out);
  AddField("content-type", response.content_type, out);
  AddField("content-length", absl::StrCat(response.body.size()), out);
  // What is served here is this moment's.
  AddField("cache-control", "no-store", out);
  AddField("x-content-type-options", "nosniff", out);
  if (!keep_alive) AddField("connection", "close", out);
  for (const auto& [name, value] : response.fields) AddField(name, value, out);
  out += "\r\n";
  if (with_body) out += response.body;
  return out;
}

}  // namespace wxident
