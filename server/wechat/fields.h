#ifndef WXIDENT_SERVER_WECHAT_FIELDS_H_
#define WXIDENT_SERVER_WECHAT_FIELDS_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/identity/types.h"
#include "server/wechat/json.h"

namespace wxident {

// Reads fields that have the same form in encrypted and in plain answers.

// Returns the time in "watermark", which WeChat puts into what it tells about a
// user. Returns nullopt if there is none or it was made for another app.
std::optional<absl::Time> ReadWatermark(const Json& object,
                                        absl::string_view app_id);

// Returns a phone without its watermark_time. Returns nullopt if a field is
// missing or is not what its name says.
std::optional<Phone> ReadPhone(const Json& object);

// Returns `text` without control characters (Unicode's category Cc). `text`
// must be valid UTF-8.
std::string WithoutControls(absl::string_view text);

}  // namespace wxident

#endif  // WXIDENT_SERVER_WECHAT_FIELDS_H_
