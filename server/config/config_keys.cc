#include "server/config/config_keys.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace wxident {
namespace {

std::string Value(const ConfigKey& key) {
  struct Namer {
    const ConfigKey& key;
    static std::string NameOf(ConfigForm form) {
      switch (form) {
        case ConfigForm::kAddress:
          return "HOST:PORT";
        case ConfigForm::kFile:
        case ConfigForm::kSecretFile:
          return "FILE";
        case ConfigForm::kBaseUrl:
        case ConfigForm::kDatabaseUrl:
          return "URL";
        case ConfigForm::kCallerUri:
          return "URI";
        case ConfigForm::kIpRange:
          return "RANGE";
        case ConfigForm::kAny:
          break;
      }
      return "TEXT";
    }
    std::string operator()(std::string& (*)(ConfigDraft&)) const {
      return NameOf(key.form);
    }
    std::string operator()(bool& (*)(ConfigDraft&)) const {
      return "true|false";
    }
    std::string operator()(int& (*)(ConfigDraft&)) const { return "NUMBER"; }
    std::string operator()(absl::Duration& (*)(ConfigDraft&)) const {
      return "DURATION";
    }
    std::string operator()(LogLevel& (*)(ConfigDraft&)) const {
      return "debug|info|warning|error";
    }
    std::string operator()(std::vector<std::string>& (*)(ConfigDraft&)) const {
      const std::string item = NameOf(key.form);
      return absl::StrCat(item, ",", item, "...");
    }
  };
  return std::visit(Namer{key}, key.target);
}

}  // namespace

const std::vector<ConfigKey>& ConfigKeys() {
  using D = ConfigDraft;
  using Form = ConfigForm;
  static const auto& keys = *new std::vector<ConfigKey>{
      {"grpc.addr", "127.0.0.1:8443", "",
       "Where callers reach the service; port 0 takes a free one.",
       +[](D& d) -> std::string& { return d.config.grpc.addr; },
       Form::kAddress},
      {"grpc.reflection", "false", "",
       "Whether grpc.addr tells anybody the service's methods.",
       +[](D& d) -> bool& { return d.config.grpc.reflection; }},
      {"grpc.insecure_loopback", "false", "",
       "Plain text instead of TLS, for a trial on one machine: grpc.addr and "
       "admin.addr must be loopback addresses, and everybody is the caller "
       "\"loopback\".",
       +[](D& d) -> bool& { return d.config.grpc.insecure_loopback; }},
      {"grpc.tls_cert_file", "", "",
       "The server's certificate and its chain, PEM. Required without "
       "grpc.insecure_loopback.",
       +[](D& d) -> std::string& { return d.config.grpc.tls.cert_file; },
       Form::kFile},
      {"grpc.tls_key_file", "", "",
       "The certificate's private key, PEM, for nobody else to read. "
       "Required without grpc.insecure_loopback.",
       +[](D& d) -> std::string& { return d.config.grpc.tls.key_file; },
       Form::kSecretFile},
      {"grpc.tls_client_ca_file", "", "",
       "The CAs that vouch for callers, PEM. A caller is the one URI in its "
       "certificate. Required without grpc.insecure_loopback.",
       +[](D& d) -> std::string& { return d.config.grpc.tls.client_ca_file; },
       Form::kFile},
      {"grpc.tls_revocation_file", "", "",
       "The certificates that those CAs took back: CRLs, PEM or DER.",
       +[](D& d) -> std::string& { return d.config.grpc.tls.revocation_file; },
       Form::kFile},
      {"grpc.proxy_protocol_from", "", "",
       "IP addresses and ranges of TCP balancers before grpc.addr, which must "
       "tell each connection's client by the PROXY protocol.",
       +[](D& d) -> std::vector<std::string>& {
         return d.config.grpc.proxy_protocol_from;
       },
       Form::kIpRange},
      {"grpc.forwarded_by", "", "",
       "The URIs of certificates of proxies that end TLS and must tell each "
       "call's caller by x-forwarded-client-cert.",
       +[](D& d) -> std::vector<std::string>& {
         return d.config.grpc.forwarded_by;
       },
       Form::kCallerUri},
      {"admin.addr", "", "",
       "A listener for operators: AdminService, health, reflection.",
       +[](D& d) -> std::string& { return d.config.admin_addr; },
       Form::kAddress},
      {"access.policy_file", "", "",
       "Which caller may call what, YAML. Required without "
       "grpc.insecure_loopback.",
       +[](D& d) -> std::string& { return d.config.access.policy_file; },
       Form::kFile},
      {"audit.file", "", "",
       "The audit log, which is made when it is not there. Required without "
       "grpc.insecure_loopback.",
       +[](D& d) -> std::string& { return d.config.audit.file; }, Form::kFile},
      {"audit.key_file", "", "",
       "The one key of the audit log, <id> <base64 of 32 bytes>; not a key of "
       "keys. Goes with audit.file.",
       +[](D& d) -> std::string& { return d.audit_key_file; },
       Form::kSecretFile},
      {"audit.required", "true", "",
       "Whether a call that hands out a secret fails when its line cannot be "
       "written.",
       +[](D& d) -> bool& { return d.config.audit.required; }},
      {"metrics.addr", "", "",
       "Where Prometheus finds /metrics, over plain HTTP.",
       +[](D& d) -> std::string& { return d.config.metrics_addr; },
       Form::kAddress},
      {"log.level", "info", "", "The least level that is written to stderr.",
       +[](D& d) -> LogLevel& { return d.config.log_level; }},
      {"database.url", nullptr, "",
       "postgresql://user@host:port/database, without a password; with "
       "?sslmode=verify-full&sslrootcert=FILE unless it is on this machine.",
       +[](D& d) -> std::string& { return d.config.database.url; },
       Form::kDatabaseUrl},
      {"database.password_file", "", "", "Holds the database user's password.",
       +[](D& d) -> std::string& { return d.database_password_file; },
       Form::kSecretFile},
      {"database.workers", "8", "connections",
       "Connections to the database, each with a thread.",
       +[](D& d) -> int& { return d.config.database.workers; }, Form::kAny, "1",
       "64"},
      {"database.queue_limit", "1024", "operations",
       "How many operations of one kind may wait; more are refused.",
       +[](D& d) -> int& { return d.config.database.queue_limit; }, Form::kAny,
       "1", "100000"},
      {"wechat.base_urls",
       "https://api.weixin.qq.com,https://api2.weixin.qq.com", "",
       "WeChat's API hosts, the preferred one first.",
       +[](D& d) -> std::vector<std::string>& {
         return d.config.wechat.base_urls;
       },
       Form::kBaseUrl},
      {"wechat.ca_file", "", "",
       "CAs that may vouch for wechat.base_urls, PEM; the system's when not "
       "set.",
       +[](D& d) -> std::string& { return d.config.wechat.ca_file; },
       Form::kFile},
      {"wechat.max_connections", "128", "connections",
       "Connections to each WeChat host; one endpoint alone gets half.",
       +[](D& d) -> int& { return d.config.wechat.max_connections; },
       Form::kAny, "1", "1024"},
      {"wechat.queue_limit", "1024", "requests",
       "How many requests may run or wait for a connection, of one endpoint "
       "half; more are refused.",
       +[](D& d) -> int& { return d.config.wechat.queue_limit; }, Form::kAny,
       "1", "100000"},
      {"sessions.default_ttl", "7d", "",
       "How long a session lives when Login does not say.",
       +[](D& d) -> absl::Duration& { return d.config.sessions.default_ttl; },
       Form::kAny, "1m", "365d"},
      {"sessions.max_ttl", "30d", "", "The most that Login may ask for.",
       +[](D& d) -> absl::Duration& { return d.config.sessions.max_ttl; },
       Form::kAny, "1m", "365d"},
      {"sessions.max_age", "90d", "",
       "When a session ends for good, counted from its login, whatever ttl and "
       "refreshes say.",
       +[](D& d) -> absl::Duration& { return d.config.sessions.max_age; },
       Form::kAny, "1m", "3650d"},
      {"sessions.refresh_overlap", "30s", "",
       "How long a refreshed session's old token goes on working.",
       +[](D& d) -> absl::Duration& {
         return d.config.sessions.refresh_overlap;
       },
       Form::kAny, "1s", "10m"},
      {"open_data.max_age", "24h", "",
       "How old what WeChat encrypted may be; 0: any age.",
       +[](D& d) -> absl::Duration& { return d.config.open_data_max_age; },
       Form::kAny, "0", "365d"},
      {"keys.ring_file", nullptr, "",
       "The keys that seal what is stored, one a line: <id> <base64 of 32 "
       "bytes>. The first seals, all open.",
       +[](D& d) -> std::string& { return d.config.keys.ring_file; },
       Form::kSecretFile},
      {"keys.phone_index_file", nullptr, "",
       "The one key of the phone look-up, in the same form; not a key of the "
       "ring.",
       +[](D& d) -> std::string& { return d.phone_index_file; },
       Form::kSecretFile},
      {"shutdown.drain_delay", "5s", "",
       "From NOT_SERVING to refusing new calls, so that load balancers notice.",
       +[](D& d) -> absl::Duration& { return d.config.shutdown.drain_delay; },
       Form::kAny, "0", "25s"},
      {"shutdown.timeout", "18s", "",
       "How long running calls may take after that; with "
       "shutdown.drain_delay at most 25s.",
       +[](D& d) -> absl::Duration& { return d.config.shutdown.timeout; },
       Form::kAny, "0", "25s"},
  };
  return keys;
}

const std::vector<AppKey>& AppKeys() {
  static const auto& keys = *new std::vector<AppKey>{
      {"app_id", true, "wx and 16 hexadecimal digits."},
      {"kind", true, "mini_program, official_account, website or mobile."},
      {"secret_file", true, "Holds the AppSecret, for nobody else to read."},
      {"open_platform_account", false,
       "A name of your own for the Open Platform account that the app is bound "
       "to. Apps with one name share their users."},
      {"token_mode", false, "stable (default) or ordinary."},
      {"redirect_hosts", false,
       "A list of the hosts that web login may send people back to, each as "
       "WeChat's console has it: a host name alone, lower case."},
  };
  return keys;
}

std::string FlagOf(absl::string_view key) {
  return absl::StrCat("--", absl::StrReplaceAll(key, {{".", "-"}, {"_", "-"}}));
}

std::string VariableOf(absl::string_view key) {
  return absl::StrCat("WXIDENT_", absl::AsciiStrToUpper(
                                      absl::StrReplaceAll(key, {{".", "_"}})));
}

std::string ConfigHelp() {
  std::string out =
      "A key of the file (grpc.addr) has a flag (--grpc-addr) and a variable\n"
      "(WXIDENT_GRPC_ADDR); flag beats variable beats file beats default.\n"
      "DURATION: a whole number and ms, s, m, h or d, like 30s. Files named "
      "in the\n"
      "config file are looked for from its folder, others from the current "
      "one.\n\n"
      "  --config FILE\n"
      "      The config file; also WXIDENT_CONFIG.\n";
  for (const ConfigKey& key : ConfigKeys()) {
    absl::StrAppend(&out, "  ", FlagOf(key.name), " ", Value(key), "\n      ",
                    key.meaning, "\n      Key ", key.name, ", variable ",
                    VariableOf(key.name), ". ");
    if (key.default_text == nullptr)
      absl::StrAppend(&out, "Required.");
    else if (*key.default_text == '\0')
      absl::StrAppend(&out, "Default: none.");
    else
      absl::StrAppend(&out, "Default: ", key.default_text,
                      *key.unit == '\0' ? "" : " ", key.unit, ".");
    if (*key.least != '\0')
      absl::StrAppend(&out, " From ", key.least, " to ", key.most, ".");
    out += '\n';
  }
  absl::StrAppend(&out, "\nOnly in the file, under apps, a list with one item ",
                  "for each app:\n");
  for (const AppKey& key : AppKeys())
    absl::StrAppend(&out, "  ", key.name, "\n      ", key.meaning,
                    key.required ? " Required." : "", "\n");
  return out;
}

}  // namespace wxident
