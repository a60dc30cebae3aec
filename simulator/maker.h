#ifndef WXIDENT_SIMULATOR_MAKER_H_
#define WXIDENT_SIMULATOR_MAKER_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace wxident::simulator {

// Makes every identifier and secret of the simulator, in the forms WeChat uses.
// Each is a keyed hash of the seed and of what it is for ("the 3rd login code
// of alice in wx1"), so the same seed and the same steps give the same values,
// whatever other users do meanwhile. No state; thread-safe.
class Maker {
 public:
  explicit Maker(uint64_t seed);

  std::string AppSecret(absl::string_view app_id) const;
  std::string OpenId(absl::string_view app_id, absl::string_view user) const;
  std::string UnionId(absl::string_view account, absl::string_view user) const;
  // Of nobody: what a snapshot user gets instead of real ones.
  std::string VirtualOpenId(absl::string_view app_id, absl::string_view user,
                            uint64_t n) const;
  std::string VirtualUnionId(absl::string_view account,
                             absl::string_view user) const;
  // Eleven digits of mainland China.
  std::string PhoneNumber(absl::string_view user) const;

  // `n` counts the values of one kind and owner.
  std::string SessionKey(absl::string_view app_id, absl::string_view user,
                         uint64_t n) const;
  std::string Iv(absl::string_view app_id, absl::string_view user,
                 uint64_t n) const;
  std::string LoginCode(absl::string_view app_id, absl::string_view user,
                        uint64_t n) const;
  std::string PhoneCode(absl::string_view app_id, absl::string_view user,
                        uint64_t n) const;
  std::string OauthCode(absl::string_view app_id, absl::string_view user,
                        uint64_t n) const;
  // `kind`: "access" or "refresh".
  std::string UserToken(absl::string_view kind, absl::string_view app_id,
                        absl::string_view user, uint64_t n) const;
  // `kind`: "ordinary" or "stable".
  std::string AccessToken(absl::string_view kind, absl::string_view app_id,
                          uint64_t n) const;
  std::string JsapiTicket(absl::string_view type, absl::string_view app_id,
                          uint64_t n) const;
  // "652d44d0-1d0af18b-5b069232": the first group is the time.
  std::string Rid(absl::Time now, uint64_t n) const;

  // In [0, 1), for faults that strike with a probability.
  double Fraction(uint64_t rule, uint64_t n) const;

 private:
  std::string Bytes(absl::string_view purpose,
                    std::initializer_list<absl::string_view> parts, uint64_t n,
                    size_t size) const;

  std::string key_;
};

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_MAKER_H_
