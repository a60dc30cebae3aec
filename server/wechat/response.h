#ifndef WXIDENT_SERVER_WECHAT_RESPONSE_H_
#define WXIDENT_SERVER_WECHAT_RESPONSE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/wechat/json.h"

namespace wxident {

// WeChat's JSON as a strict parser can read it: without a byte order mark, with
// a space for each raw control byte inside a string, and with U+FFFD for each
// ill-formed piece of UTF-8. Escapes stay as they are, and nothing outside
// strings is mended but UTF-8.
std::string CleanBody(absl::string_view body);

// The rid in an errmsg ("..., rid: 652d44d0-1d0af18b-5b069232"), in the forms
// that WeChat writes; empty when there is none.
std::string FindRid(absl::string_view errmsg);

// One answer of WeChat's API. Every error here is WECHAT_BAD_RESPONSE and tells
// what was wrong, never what stood there.
class WechatResponse {
 public:
  // `body` as it came.
  static absl::StatusOr<WechatResponse> Parse(absl::string_view body);

  // 0 when WeChat gave none: then the fields tell.
  int64_t errcode() const { return errcode_; }
  const std::string& rid() const { return rid_; }

  // A field without which the answer is worth nothing: not empty, at most
  // `max_size` bytes.
  absl::StatusOr<std::string> Text(const char* name, size_t max_size) const;
  // The same, but empty when it is absent, null or empty.
  absl::StatusOr<std::string> OptionalText(const char* name,
                                           size_t max_size) const;
  // nullopt when it is absent or null.
  absl::StatusOr<std::optional<int64_t>> OptionalInteger(
      const char* name) const;
  // 1 or 0, as a number, as text or as true and false; nullopt when it is
  // absent, null or empty text.
  absl::StatusOr<std::optional<bool>> OptionalFlag(const char* name) const;
  // Lists, empty when they are absent or null.
  absl::StatusOr<std::vector<std::string>> OptionalTexts(const char* name,
                                                         size_t max_count,
                                                         size_t max_size) const;
  absl::StatusOr<std::vector<int64_t>> OptionalIntegers(const char* name,
                                                        size_t max_count) const;
  // The objects in a list without which the answer is worth nothing, each to
  // be read like an answer of its own. What else is in it is left out.
  absl::StatusOr<std::vector<WechatResponse>> Objects(const char* name,
                                                      size_t max_count) const;
  // An object without which the answer is worth nothing. Lives as long as this.
  absl::StatusOr<const Json*> Object(const char* name) const;

 private:
  WechatResponse(Json json, int64_t errcode, std::string rid);

  Json json_;
  int64_t errcode_;
  std::string rid_;
};

// The error of an answer that makes no sense; `what` completes "WeChat's answer
// is not understood: ".
absl::Status BadResponse(absl::string_view what);

}  // namespace wxident

#endif  // WXIDENT_SERVER_WECHAT_RESPONSE_H_
