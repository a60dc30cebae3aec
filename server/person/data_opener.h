#ifndef WXIDENT_SERVER_PERSON_DATA_OPENER_H_
#define WXIDENT_SERVER_PERSON_DATA_OPENER_H_

#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/wall_clocks.h"
#include "server/person/authorized.h"
#include "server/person/decrypt_rate_limiter.h"
#include "server/wechat/open_data.h"

namespace wxident {

// Encrypted open data as WeChat gave it, base64 decoded.
struct EncryptedData {
  std::string ciphertext;
  // 16 bytes.
  std::string iv;
};

// Opens the open data of a session with its session_keys. Thread-safe; does not
// block.
class DataOpener {
 public:
  // `max_age`: see OpenDataInput. The clocks must outlive it.
  DataOpener(Clock& clock, WallClocks& wall_clocks, absl::Duration max_age)
      : limiter_(clock), wall_clocks_(wall_clocks), max_age_(max_age) {}

  // Returns what `open`, a function of wechat/open_data.h, makes of `data`.
  // Fails with SESSION_KEY_STALE if no key is kept, with SESSION_RATE_LIMITED
  // if too much of this session did not open (nothing is decrypted then), and
  // with SESSION_KEY_STALE or DECRYPT_REJECTED if the data does not open.
  template <typename Open>
  std::invoke_result_t<const Open&, const OpenDataInput&> Apply(
      const AuthorizedKeys& keys, const EncryptedData& data, const Open& open) {
    if (absl::Status begun = Begin(keys); !begun.ok()) return begun;
    auto opened = open(Input(keys, data));
    limiter_.End(keys->session, opened.ok());
    if (!opened.ok()) return NotOpened(keys, opened.status());
    return opened;
  }

 private:
  absl::Status Begin(const AuthorizedKeys& keys);
  // Refers to both.
  OpenDataInput Input(const AuthorizedKeys& keys,
                      const EncryptedData& data) const;
  // A former key that was dropped may be the cause, so then the error is
  // SESSION_KEY_STALE whatever is wrong with the data: which of the two comes
  // depends on the session alone.
  static absl::Status NotOpened(const AuthorizedKeys& keys,
                                const absl::Status& error);

  DecryptRateLimiter limiter_;
  WallClocks& wall_clocks_;
  const absl::Duration max_age_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_PERSON_DATA_OPENER_H_
