#ifndef WXIDENT_TESTS_STORE_PRIVATE_POSTGRES_H_
#define WXIDENT_TESTS_STORE_PRIVATE_POSTGRES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace wxident {

// A PostgreSQL cluster of the test's own, made by script/lib/postgres.sh and
// removed with this object, or soon after the process however it ends. Tests
// that use it need the tag "local". Calls block; one thread at a time.
class PrivatePostgres {
 public:
  // kNone is faster and may lose what was committed when it crashes.
  enum class Durability { kNone, kFull };

  // Starts it and applies migrations/.
  static absl::StatusOr<std::unique_ptr<PrivatePostgres>> Start(
      Durability durability = Durability::kNone);
  // Starts it with the schema as it was after the migration `version`. The
  // server's role comes with the rest: Migrate.
  static absl::StatusOr<std::unique_ptr<PrivatePostgres>> StartAt(
      const std::string& version);
  absl::Status Migrate();
  ~PrivatePostgres();

  // Connection URIs for libpq: of the role that owns the schema, and of the
  // server's, which reads and writes rows alone.
  const std::string& url() const { return url_; }
  const std::string& server_url() const { return server_url_; }
  // Where it listens, on 127.0.0.1, and what server_url() would be at another
  // port, from which a proxy leads there.
  uint16_t port() const { return port_; }
  std::string ServerUrlAt(uint16_t port) const;

  // Runs statements in the database as the superuser, each on its own.
  absl::Status Superuser(const std::string& sql);

  // A hot standby of this cluster, with application_name "standby". One is
  // enough for all tests.
  absl::StatusOr<std::unique_ptr<PrivatePostgres>> StartStandby();
  // Makes a standby a primary.
  absl::Status Promote();

  // Sends a signal to all of the cluster's processes, or to those that serve
  // connections of the server's role: SIGSTOP makes it hang.
  void Signal(int signal);
  void SignalServing(int signal);

  // `mode` is "fast" or "immediate" (a crash). Returns when it answers again.
  absl::Status Restart(const std::string& mode);

  // What the server has logged so far.
  std::string Log() const;

 private:
  explicit PrivatePostgres(std::string folder) : folder_(std::move(folder)) {}
  // A running cluster without a schema.
  static absl::StatusOr<std::unique_ptr<PrivatePostgres>> StartEmpty(
      Durability durability);
  absl::Status Run(const std::vector<std::string>& arguments);
  absl::Status ReadFiles();
  std::string Home() const;

  const std::string folder_;
  std::string url_;
  std::string server_url_;
  uint16_t port_ = 0;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_STORE_PRIVATE_POSTGRES_H_
