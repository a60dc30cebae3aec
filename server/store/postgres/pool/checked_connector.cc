#include "server/store/postgres/pool/checked_connector.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/status_macros.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

// The two encodings and the role, and by its name whether each of kSettings is
// good. 0 turns a time-out off.
constexpr char kLook[] = R"sql(
SELECT current_setting('server_encoding') AS server_encoding,
  current_setting('client_encoding') AS client_encoding,
  quote_ident(current_user) AS role,
  current_setting('statement_timeout')::interval
    BETWEEN interval '1 ms' AND interval '3 s' AS statement_timeout,
  current_setting('lock_timeout')::interval
    BETWEEN interval '1 ms' AND interval '200 ms' AS lock_timeout,
  current_setting('idle_in_transaction_session_timeout')::interval
    BETWEEN interval '1 ms' AND interval '5 s'
    AS idle_in_transaction_session_timeout,
  current_setting('transaction_isolation') = 'read committed'
    AS default_transaction_isolation,
  current_setting('array_nulls') = 'on' AS array_nulls,
  current_setting('client_min_messages') IN
    ('debug5', 'debug4', 'debug3', 'debug2', 'debug1', 'log', 'notice',
     'warning') AS client_min_messages)sql";

struct Setting {
  const char* name;
  const char* value;
};
// As docs/database-roles.sql sets them. The last ones: statements count on
// seeing what others committed meanwhile; NULLs in arrays are NULLs; a commit
// whose replication was cancelled is told by a warning.
constexpr std::array<Setting, 6> kSettings = {{
    {"statement_timeout", "3s"},
    {"lock_timeout", "200ms"},
    {"idle_in_transaction_session_timeout", "5s"},
    {"default_transaction_isolation", "read committed"},
    {"array_nulls", "on"},
    {"client_min_messages", "notice"},
}};

absl::Status Check(SqlSession& session) {
  WX_ASSIGN_OR_RETURN(const SqlRows rows, session.Execute(kLook, {}));
  if (rows.size() != 1)
    return absl::UnavailableError("the database does not tell its settings");
  const SqlRow& row = rows[0];
  if (const std::string encoding = TextOf(row["server_encoding"]);
      encoding != "UTF8")
    return absl::FailedPreconditionError(absl::StrCat(
        "the database's encoding is ", encoding,
        " and must be UTF8: make it with CREATE DATABASE ... ENCODING 'UTF8' "
        "TEMPLATE template0"));
  if (const std::string encoding = TextOf(row["client_encoding"]);
      encoding != "UTF8")
    return absl::FailedPreconditionError(absl::StrCat(
        "a pooler turned client_encoding from UTF8 into ", encoding));
  std::vector<std::string> missing;
  for (const Setting& setting : kSettings)
    if (!IsTrue(row[setting.name]))
      missing.push_back(absl::StrCat("ALTER ROLE ", TextOf(row["role"]),
                                     " SET ", setting.name, " = '",
                                     setting.value, "'"));
  if (missing.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("run docs/database-roles.sql; what the role lacks: ",
                   absl::StrJoin(missing, "; ")));
}

class CheckedConnector final : public SqlConnector {
 public:
  explicit CheckedConnector(std::unique_ptr<SqlConnector> connector)
      : connector_(std::move(connector)) {}

  absl::StatusOr<std::unique_ptr<SqlSession>> Connect() override {
    WX_ASSIGN_OR_RETURN(std::unique_ptr<SqlSession> session,
                        connector_->Connect());
    const absl::Status good = Check(*session);
    if (good.ok()) return session;
    if (absl::IsFailedPrecondition(good)) return good;
    return absl::UnavailableError(absl::StrCat(
        "the database does not tell its settings: ", good.message()));
  }

 private:
  const std::unique_ptr<SqlConnector> connector_;
};

}  // namespace

std::unique_ptr<SqlConnector> MakeCheckedConnector(
    std::unique_ptr<SqlConnector> connector) {
  return std::make_unique<CheckedConnector>(std::move(connector));
}

}  // namespace wxident
