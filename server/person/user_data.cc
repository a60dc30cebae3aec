#include "server/person/user_data.h"

#include "server/base/log.h"

namespace wxident {

void UserData::Erase(const AuthorizedEveryApp&, UserQuery query,
                     Deadline deadline, Done<std::optional<Erased>> done) {
  identities_.EraseUser(
      std::move(query), deadline,
      [this, done = std::move(done)](
          absl::StatusOr<std::optional<Erased>> erased) mutable {
        // Also after a failure, which may hide that it took effect.
        forget_sessions_();
        if (erased.ok() && erased->has_value())
          Log(LogLevel::kInfo, "user erased",
              {{"user_id", (*erased)->user_id}});
        std::move(done)(std::move(erased));
      });
}

void UserData::Export(const AuthorizedEveryApp&, std::string user_id,
                      Deadline deadline,
                      Done<std::optional<ExportedUser>> done) {
  identities_.ExportUser(std::move(user_id), deadline, std::move(done));
}

}  // namespace wxident
