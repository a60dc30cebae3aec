#ifndef WXIDENT_SERVER_PERSON_PHONES_H_
#define WXIDENT_SERVER_PERSON_PHONES_H_

#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/crypto/secret.h"
#include "server/identity/authorized.h"
#include "server/identity/types.h"
#include "server/keeper/token_manager.h"
#include "server/person/authorized.h"
#include "server/person/data_opener.h"
#include "server/store/profile_store.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// Gets people's phone numbers and stores them. Thread-safe.
class Phones {
 public:
  // What has become of a phone_code, which works once.
  enum class CodeUse {
    // It was not sent.
    kUnsent,
    // WeChat may have taken it.
    kMaybeSpent,
    // WeChat has taken it.
    kSpent,
  };
  // Is called once, on any thread. `use` is kUnsent where there is no code.
  using GotPhone =
      absl::AnyInvocable<void(absl::StatusOr<Phone>, CodeUse use) &&>;

  // All must outlive it and its calls.
  Phones(DataOpener& opener, TokenManager& tokens, WechatApi& wechat,
         ProfileStore& profiles)
      : opener_(opener),
        tokens_(tokens),
        wechat_(wechat),
        profiles_(profiles) {}

  // Opens `data`, which WeChat encrypted for the session. Errors: those of
  // DataOpener and of the store.
  void Decrypt(const AuthorizedKeys& keys, const EncryptedData& data,
               Deadline deadline, GotPhone done);

  // Gives WeChat the person's `code`. Errors: those of TokenManager::Get,
  // WechatApi::GetPhoneNumber (REQUEST_INVALID: the code is another person's)
  // and of the store.
  void Exchange(const AuthorizedPerson& person, Secret code, Deadline deadline,
                GotPhone done);

 private:
  struct One;
  using OnePtr = std::shared_ptr<One>;

  void OnPhone(OnePtr one, absl::StatusOr<Phone> phone);
  void Save(const App& app, const Identity& identity, Phone phone,
            Deadline deadline, Done<Phone> done);

  DataOpener& opener_;
  TokenManager& tokens_;
  WechatApi& wechat_;
  ProfileStore& profiles_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_PERSON_PHONES_H_
