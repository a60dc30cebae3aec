#ifndef WXIDENT_SERVER_IDENTITY_IDS_H_
#define WXIDENT_SERVER_IDENTITY_IDS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/crypto/random.h"

namespace wxident {

// A new UUID version 7 (RFC 9562) in lower-case text: its first 48 bits are
// the time in ms, so that ids of one time stand together in an index.
std::string NewUserId(absl::Time now, Random& random);

// Whether `text` is a UUID in lower-case text form, of any version.
bool IsUuid(absl::string_view text);

// WeChat's alphabet for ids and codes: A-Z, a-z, 0-9, '_' and '-'; 1 to
// `max_size` characters.
bool IsWechatId(absl::string_view text, size_t max_size);

}  // namespace wxident

#endif  // WXIDENT_SERVER_IDENTITY_IDS_H_
