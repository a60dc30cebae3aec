#include "server/store/postgres/person/link_persons.h"

#include "server/base/status_macros.h"
#include "server/store/postgres/person/merge_users.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

// How often a row that met a racing merge is looked at anew.
constexpr int kLooks = 5;

}  // namespace

absl::Status LinkAlone(SqlSession& session, const std::string& app_id,
                       absl::FunctionRef<absl::StatusOr<SqlRows>()> execute,
                       absl::FunctionRef<bool(const SqlRow&)> take) {
  absl::Status status;
  for (int look = 0; look < kLooks; ++look) {
    status = session.Transact([&]() -> absl::Status {
      WX_ASSIGN_OR_RETURN(SqlRows rows, execute());
      if (rows.size() == 1 && !IsTrue(rows[0]["agreed"])) {
        WX_RETURN_IF_ERROR(MergeUsers(session, TextOf(rows[0]["user_id"]),
                                      TextOf(rows[0]["person"]), app_id));
        WX_ASSIGN_OR_RETURN(rows, execute());
      }
      if (rows.size() != 1 || !take(rows[0]))
        return absl::AbortedError("the user moved");
      return absl::OkStatus();
    });
    if (!absl::IsAborted(status)) break;
  }
  return status;
}

}  // namespace wxident
