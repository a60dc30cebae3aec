#include "server/store/postgres/pg_connector.h"

#include <postgresql/libpq-fe.h>

#include <exception>
#include <map>
#include <pqxx/pqxx>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "server/base/status_macros.h"

namespace wxident {
namespace {

absl::Status OfSqlState(const std::string& state) {
  // Not the database said so but libpq, which has lost the connection and may
  // not know it yet.
  if (state.empty()) return absl::UnavailableError("no SQLSTATE");
  const absl::string_view group = absl::string_view(state).substr(0, 2);
  const std::string message = absl::StrCat("SQLSTATE ", state);
  // Serialization, deadlock, lock_timeout. A foreign key that is not met means
  // that the row's owner was merged away in between, which the next run sees.
  if (state == "40001" || state == "40P01" || state == "55P03" ||
      state == "23503")
    return absl::AbortedError(message);
  // The server goes down, was demoted to read-only, or a pooler between us
  // mixed up statements: another connection may help.
  if (group == "08" || state == "40003" || state == "57P01" ||
      state == "57P02" || state == "57P03" || state == "57P05" ||
      state == "25006" || state == "26000")
    return absl::UnavailableError(message);
  if (group == "21" || group == "22" || group == "23")
    return absl::InvalidArgumentError(message);
  if (group == "53" || group == "57" || group == "58")
    return absl::CancelledError(message);
  return absl::InternalError(message);
}

class PgSession final : public SqlSession {
 public:
  // Throws; call it through Guard.
  explicit PgSession(const std::string& conninfo)
      : connection_(conninfo), quiet_(connection_) {}

  // The one place where this server catches the driver's exceptions.
  static absl::Status Guard(absl::FunctionRef<void()> driver_calls,
                            const PgSession* session) {
    try {
      driver_calls();
      return absl::OkStatus();
    } catch (const pqxx::broken_connection&) {
      return absl::UnavailableError("connection lost");
    } catch (const pqxx::in_doubt_error&) {
      return absl::UnavailableError("connection lost in a commit");
    } catch (const pqxx::statement_completion_unknown&) {
      return absl::UnavailableError("connection lost in a statement");
    } catch (const pqxx::transaction_rollback&) {
      return absl::AbortedError("rolled back");
    } catch (const pqxx::sql_error& e) {
      if (session != nullptr && !session->connection_.is_open())
        return absl::UnavailableError("connection lost");
      return OfSqlState(e.sqlstate());
    } catch (const std::exception&) {
      if (session != nullptr && !session->connection_.is_open())
        return absl::UnavailableError("connection lost");
      return absl::InternalError("the database driver failed");
    }
  }

  absl::StatusOr<SqlRows> Execute(
      const char* sql, const std::vector<std::string>& parameters) override {
    SqlRows rows;
    WX_RETURN_IF_ERROR(Guard(
        [&] {
          const auto values = pqxx::prepare::make_dynamic_params(parameters);
          if (transaction_ != nullptr) {
            rows = Rows(transaction_->exec_params(sql, values));
          } else {
            pqxx::nontransaction alone(connection_);
            rows = Rows(alone.exec_params(sql, values));
          }
        },
        this));
    return rows;
  }

  absl::Status Transact(absl::FunctionRef<absl::Status()> steps) override {
    absl::Status status =
        Guard([&] { transaction_ = std::make_unique<pqxx::work>(connection_); },
              this);
    if (status.ok()) status = steps();
    if (status.ok()) status = Guard([&] { transaction_->commit(); }, this);
    transaction_.reset();
    return status;
  }

 private:
  static SqlRows Rows(const pqxx::result& result) {
    SqlRows rows;
    rows.reserve(result.size());
    for (const pqxx::row& from : result) {
      SqlRow& to = rows.emplace_back();
      to.reserve(from.size());
      for (const pqxx::field& field : from) {
        if (field.is_null())
          to.push_back(std::nullopt);
        else
          to.push_back(std::string(field.c_str(), field.size()));
      }
    }
    return rows;
  }

  pqxx::connection connection_;
  // Without it libpq prints the server's notices, with values, to stderr.
  pqxx::quiet_errorhandler quiet_;
  std::unique_ptr<pqxx::work> transaction_;
};

class PgConnector final : public SqlConnector {
 public:
  explicit PgConnector(Secret conninfo) : conninfo_(std::move(conninfo)) {}

  absl::StatusOr<std::unique_ptr<SqlSession>> Connect() override {
    std::unique_ptr<SqlSession> session;
    const absl::Status status = PgSession::Guard(
        [&] { session = std::make_unique<PgSession>(conninfo_.Expose()); },
        nullptr);
    // Whatever kept us out, it is the database that cannot be asked.
    if (!status.ok()) return absl::UnavailableError("cannot connect");
    return session;
  }

 private:
  const Secret conninfo_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SqlConnector>> MakePgConnector(
    const std::string& url, const Secret& password) {
  std::map<std::string, std::string> settings = {
      {"connect_timeout", "2"},
      {"tcp_user_timeout", "3000"},
      {"keepalives", "1"},
      {"keepalives_idle", "5"},
      {"keepalives_interval", "2"},
      {"keepalives_count", "2"},
      {"application_name", "wxident"},
      // Of what decides where the connection leads and whether it is safe,
      // libpq takes from its own variables (PGHOST...) what is not set. Empty
      // stands for what it does without them. Kerberos' encryption would come
      // before TLS, and sslmode would then count for nothing.
      {"host", ""},
      {"hostaddr", ""},
      {"sslrootcert", ""},
      {"ssl_min_protocol_version", "TLSv1.2"},
      {"gssencmode", "disable"}};
  std::string options =
      "-c statement_timeout=3000 -c lock_timeout=200 "
      "-c idle_in_transaction_session_timeout=5000";

  PQconninfoOption* parsed = PQconninfoParse(url.c_str(), nullptr);
  if (parsed == nullptr)
    return absl::InvalidArgumentError(
        "the database URL cannot be read; write "
        "postgresql://user@host:port/database");
  for (PQconninfoOption* o = parsed; o->keyword != nullptr; ++o) {
    if (o->val == nullptr) continue;
    // Later settings win, so the URL's own stand after ours.
    if (absl::string_view(o->keyword) == "options")
      absl::StrAppend(&options, " ", o->val);
    else
      settings[o->keyword] = o->val;
  }
  PQconninfoFree(parsed);
  settings["options"] = options;

  std::string conninfo;
  const auto add = [&](absl::string_view keyword, absl::string_view value) {
    absl::StrAppend(&conninfo, keyword, "='",
                    absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"'", "\\'"}}),
                    "' ");
  };
  for (const auto& [keyword, value] : settings) add(keyword, value);
  if (!password.empty()) add("password", password.Expose());
  return std::make_unique<PgConnector>(Secret(std::move(conninfo)));
}

}  // namespace wxident
