#ifndef WXIDENT_SERVER_CONFIG_CONFIG_H_
#define WXIDENT_SERVER_CONFIG_CONFIG_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/log.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/secret.h"
#include "server/identity/apps.h"
#include "server/policy/policy.h"
#include "server/tls/tls_paths.h"

namespace wxident {

// Everything that the server is told, read once at its start. Each key of the
// file ("grpc.addr") has a flag (--grpc-addr) and a variable
// (WXIDENT_GRPC_ADDR); flag beats variable beats file beats default. Apps stand
// only in the file. Secrets are read from files of their own.
struct Config {
  struct Grpc {
    std::string addr;
    bool reflection;
    // Plain text: both listeners are on loopback addresses, `tls` is empty, and
    // everybody is the caller "loopback". Otherwise `tls` is set, and callers
    // prove who they are.
    bool insecure_loopback;
    TlsPaths tls;
    // IP addresses and ranges that IpRanges takes: who tells a connection's
    // client's address by the PROXY protocol, to addr alone.
    std::vector<std::string> proxy_protocol_from;
    // URIs of certificates: who tells a call's caller by
    // x-forwarded-client-cert.
    std::vector<std::string> forwarded_by;
  } grpc;

  // A second gRPC listener for operators: AdminService, health, reflection.
  // Empty: none.
  std::string admin_addr;

  struct Access {
    // For reading it again. Empty only with grpc.insecure_loopback: "loopback"
    // may then call everything.
    std::string policy_file;
    Policy policy;
  } access;

  struct Audit {
    // Empty only with grpc.insecure_loopback: no audit log.
    std::string file;
    // One key, or none without a file.
    std::vector<KeyRing::Key> key;
    // Whether calls that require a line are refused while none can be written.
    bool required;
  } audit;

  // HTTP, Prometheus' text format at /metrics. Empty: none.
  std::string metrics_addr;

  LogLevel log_level;

  struct Database {
    // A libpq connection URI without a password.
    std::string url;
    // Empty when the file key database.password_file is not set.
    Secret password;
    int workers;
    int queue_limit;
  } database;

  struct Wechat {
    // https://host[:port], the preferred one first.
    std::vector<std::string> base_urls;
    // PEM. Empty: the system's CAs.
    std::string ca_file;
    int max_connections;
    int queue_limit;
  } wechat;

  struct Sessions {
    absl::Duration default_ttl;
    absl::Duration max_ttl;
    // A session's absolute end, counted from its login.
    absl::Duration max_age;
    // How long a refreshed token goes on working.
    absl::Duration refresh_overlap;
  } sessions;

  // How old a watermark may be; absl::InfiniteDuration() when the key is 0.
  absl::Duration open_data_max_age;

  struct Keys {
    // For reading it again.
    std::string ring_file;
    std::vector<KeyRing::Key> ring;
    // The first key of its file; a blind index has one.
    std::vector<KeyRing::Key> phone_index;
  } keys;

  struct Shutdown {
    // From NOT_SERVING to refusing new calls.
    absl::Duration drain_delay;
    // From there to cutting what still runs.
    absl::Duration timeout;
  } shutdown;

  std::vector<App> apps;

  // What is good but can hardly be meant, a sentence each: to be shown.
  std::vector<std::string> warnings;
};

// What the command line and the environment said.
struct ConfigSources {
  // --config or WXIDENT_CONFIG.
  std::string file;
  // Key ("grpc.addr") -> text.
  std::map<std::string, std::string> flags;
  std::map<std::string, std::string> variables;
  // The names of variables that Kubernetes made for a Service and that are
  // nothing of ours.
  std::vector<std::string> service_variables;
};

// Sorts the arguments that follow the command ("--grpc-addr=X" or
// "--grpc-addr", "X") and the variables ("WXIDENT_GRPC_ADDR=X", as in environ)
// to their keys. The error is kInvalidArgument and names, one a line, each
// argument and each variable with the prefix WXIDENT_ that says nothing to us,
// but for the clients' (WXIDENT_CLIENT_...) and Kubernetes'.
absl::StatusOr<ConfigSources> ReadConfigSources(
    const std::vector<std::string>& arguments,
    const std::vector<std::string>& environment);

// Reads and checks everything, files included. The error is kInvalidArgument
// and names each key that is wrong, and what to do, one a line. It never holds
// a secret's text.
absl::StatusOr<Config> LoadConfig(const ConfigSources& sources);

// What --help prints of the keys: name, flag, default, unit, meaning.
std::string ConfigHelp();

}  // namespace wxident

#endif  // WXIDENT_SERVER_CONFIG_CONFIG_H_
