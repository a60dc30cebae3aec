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

// First the two encodings and the role, then whether each of kSettings is good.
// 0 turns a time-out off.
constexpr char kLook[] = R"sql(
SELECT current_setting('server_encoding'), current_setting('client_encoding'),
  quote_ident(current_user),
  current_setting('statement_timeout')::interval
    BETWEEN interval '1 ms' AND interval '3 s',
  current_setting('lock_timeout')::interval
    BETWEEN interval '1 ms' AND interval '200 ms',
  current_setting('idle_in_transaction_session_timeout')::interval
    BETWEEN interval '1 ms' AND interval '5 s',
  current_setting('transaction_isolation') = 'read committed',
  current_setting('array_nulls') = 'on',
  current_setting('client_min_messages') IN
    ('debug5', 'debug4', 'debug3', 'debug2', 'debug1', 'log', 'notice',
     'warning'))sql";

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
  if (rows.size() != 1 || rows[0].size() != 3 + kSettings.size())
    return absl::UnavailableError("the database does not tell its settings");
  const SqlRow& row = rows[0];
  if (const std::string encoding = TextOf(row[0]); encoding != "UTF8")
    return absl::FailedPreconditionError(absl::StrCat(
        "the database's encoding is ", encoding,
        " and must be UTF8: make it with CREATE DATABASE ... ENCODING 'UTF8' "
        "TEMPLATE template0"));
  if (const std::string encoding = TextOf(row[1]); encoding != "UTF8")
    return absl::FailedPreconditionError(absl::StrCat(
        "a pooler turned client_encoding from UTF8 into ", encoding));
  std::vector<std::string> missing;
  for (size_t i = 0; i < kSettings.size(); ++i)
    if (!IsTrue(row[3 + i]))
      missing.push_back(absl::StrCat("ALTER ROLE ", TextOf(row[2]), " SET ",
                                     kSettings[i].name, " = '",
                                     kSettings[i].value, "'"));
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
