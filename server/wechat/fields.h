#ifndef WXIDENT_SERVER_WECHAT_FIELDS_H_
#define WXIDENT_SERVER_WECHAT_FIELDS_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/identity/types.h"
#include "server/wechat/json.h"

namespace wxident {

// What WeChat writes in one way, encrypted or not.

// The time in "watermark", which WeChat puts into what it tells about a user;
// nullopt when there is none, or when it was made for another app.
std::optional<absl::Time> ReadWatermark(const Json& object,
                                        absl::string_view app_id);

// A phone but for its watermark_time. nullopt when a field is missing or is not
// what its name says.
std::optional<Phone> ReadPhone(const Json& object);

// `text`, which is valid UTF-8, without control characters (Unicode's category
// Cc).
std::string WithoutControls(absl::string_view text);

}  // namespace wxident

#endif  // WXIDENT_SERVER_WECHAT_FIELDS_H_
