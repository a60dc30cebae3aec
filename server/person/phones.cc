#include "server/person/phones.h"

#include <utility>

#include "server/keeper/app_token_call.h"

namespace wxident {

// One code on its way.
struct Phones::One {
  AuthorizedPerson person;
  Secret code;
  Deadline deadline;
  GotPhone done;
  CodeUse use = CodeUse::kUnsent;
};

void Phones::Decrypt(const AuthorizedKeys& keys, const EncryptedData& data,
                     Deadline deadline, GotPhone done) {
  absl::StatusOr<Phone> phone = opener_.Apply(keys, data, OpenPhone);
  if (!phone.ok()) return std::move(done)(phone.status(), CodeUse::kUnsent);
  Save(*keys.app(), keys->session.identity, *std::move(phone), deadline,
       [done = std::move(done)](absl::StatusOr<Phone> saved) mutable {
         std::move(done)(std::move(saved), CodeUse::kUnsent);
       });
}

void Phones::Exchange(const AuthorizedPerson& person, Secret code,
                      Deadline deadline, GotPhone done) {
  auto one = std::make_shared<One>(
      One{person, std::move(code), deadline, std::move(done)});
  CallWithAppToken<Phone>(
      tokens_, *person.app(), "getuserphonenumber", deadline,
      [this, one](const Secret& token, Done<Phone> done) {
        one->use = CodeUse::kMaybeSpent;
        wechat_.GetPhoneNumber(*one->person.app(), token, one->code,
                               one->person.identity().openid, one->deadline,
                               std::move(done));
      },
      [this, one](absl::StatusOr<Phone> phone) {
        OnPhone(one, std::move(phone));
      });
}

void Phones::OnPhone(OnePtr one, absl::StatusOr<Phone> phone) {
  if (!phone.ok()) return std::move(one->done)(phone.status(), one->use);
  Save(*one->person.app(), one->person.identity(), *std::move(phone),
       one->deadline, [one](absl::StatusOr<Phone> saved) {
         std::move(one->done)(std::move(saved), CodeUse::kSpent);
       });
}

void Phones::Save(const App& app, const Identity& identity, Phone phone,
                  Deadline deadline, Done<Phone> done) {
  Phone stored = phone;
  profiles_.SavePhone(identity, app.open_platform_account, std::move(stored),
                      deadline,
                      [phone = std::move(phone),
                       done = std::move(done)](absl::Status saved) mutable {
                        if (!saved.ok()) return std::move(done)(saved);
                        std::move(done)(std::move(phone));
                      });
}

}  // namespace wxident
