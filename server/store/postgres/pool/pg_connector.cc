#include "server/store/postgres/pool/pg_connector.h"

#include <netdb.h>
#include <poll.h>
#include <postgresql/libpq-fe.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/base/status_macros.h"
#include "server/store/postgres/pool/connect_failure.h"
#include "server/store/postgres/pool/pg_session.h"

namespace wxident {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr char kNoAnswer[] = "the database did not answer in time";
constexpr char kNoAddress[] =
    "the host name of database.url cannot be resolved";
constexpr std::chrono::seconds kLastFor{30};

// What may differ between the tries of one Connect. Empty: libpq's default.
struct Address {
  std::string host;
  std::string hostaddr;
  std::string port;

  friend bool operator<(const Address& a, const Address& b) {
    return std::tie(a.host, a.hostaddr, a.port) <
           std::tie(b.host, b.hostaddr, b.port);
  }
};

using Settings = std::map<std::string, std::string>;

std::string Take(Settings& settings, const std::string& keyword) {
  auto node = settings.extract(keyword);
  return node.empty() ? "" : std::move(node.mapped());
}

// The hosts that the URI names, one at least.
absl::StatusOr<std::vector<Address>> TakeHosts(Settings& settings) {
  const std::vector<std::string> hosts =
      absl::StrSplit(Take(settings, "host"), ',');
  const std::vector<std::string> hostaddrs =
      absl::StrSplit(Take(settings, "hostaddr"), ',');
  const std::vector<std::string> ports =
      absl::StrSplit(Take(settings, "port"), ',');
  std::vector<Address> all(std::max(hosts.size(), hostaddrs.size()));
  const auto give = [&](const std::vector<std::string>& values,
                        std::string Address::*to) {
    if (values.size() != 1 && values.size() != all.size()) return false;
    for (size_t i = 0; i < all.size(); ++i)
      all[i].*to = values[values.size() == 1 ? 0 : i];
    return true;
  };
  if (!give(hosts, &Address::host) || !give(hostaddrs, &Address::hostaddr) ||
      !give(ports, &Address::port))
    return absl::InvalidArgumentError(absl::StrCat(
        "the database URL names ", all.size(), " hosts and ", ports.size(),
        " ports; name one port for each host, or one for all"));
  return all;
}

// One address for each that the host's name has; none when it has none.
std::vector<Address> Resolve(const Address& host) {
  if (!host.hostaddr.empty() || host.host.empty() || host.host[0] == '/')
    return {host};
  std::vector<Address> all;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.host.c_str(), nullptr, &hints, &found) != 0) return {};
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    std::array<char, NI_MAXHOST> text;
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(),
                    nullptr, 0, NI_NUMERICHOST) == 0)
      all.push_back({host.host, text.data(), host.port});
  }
  freeaddrinfo(found);
  return all;
}

class PgConnector final : public SqlConnector {
 public:
  PgConnector(Settings settings, std::vector<Address> hosts,
              std::chrono::seconds timeout, Secret password)
      : settings_(std::move(settings)),
        hosts_(std::move(hosts)),
        timeout_(timeout),
        password_(std::move(password)) {}

  absl::StatusOr<std::unique_ptr<SqlSession>> Connect() override {
    // Each host's cause, in the URI's order; those that are equal once.
    std::vector<std::string> causes(hosts_.size());
    std::vector<std::pair<size_t, Address>> addresses;
    for (size_t i = 0; i < hosts_.size(); ++i) {
      const std::vector<Address> of_host = Resolve(hosts_[i]);
      if (of_host.empty()) causes[i] = kNoAddress;
      for (const Address& address : of_host) addresses.push_back({i, address});
    }
    std::stable_partition(
        addresses.begin(), addresses.end(),
        [&](const auto& address) { return !IsSlow(address.second); });
    for (const auto& [host, address] : addresses) {
      PgConn connection = Dial(address, &causes[host]);
      if (connection != nullptr) return MakePgSession(std::move(connection));
    }
    causes.erase(std::unique(causes.begin(), causes.end()), causes.end());
    return absl::UnavailableError(absl::StrJoin(causes, "; "));
  }

 private:
  // Null with its cause when it came to nothing.
  PgConn Dial(const Address& address, std::string* cause) {
    std::vector<const char*> keywords;
    std::vector<const char*> values;
    const auto add = [&](const char* keyword, const std::string& value) {
      keywords.push_back(keyword);
      values.push_back(value.c_str());
    };
    for (const auto& [keyword, value] : settings_) add(keyword.c_str(), value);
    add("host", address.host);
    add("hostaddr", address.hostaddr);
    add("port", address.port);
    if (!password_.empty()) add("password", password_.Expose());
    keywords.push_back(nullptr);
    values.push_back(nullptr);

    const auto until = SteadyClock::now() + timeout_;
    PgConn connection(PQconnectStartParams(keywords.data(), values.data(),
                                           /*expand_dbname=*/0));
    if (connection == nullptr) {
      *cause = "there is no memory for a connection";
      return nullptr;
    }
    PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
    PQsetNoticeReceiver(
        connection.get(), [](void*, const PGresult*) {}, nullptr);
    auto state = PQstatus(connection.get()) == CONNECTION_BAD
                     ? PGRES_POLLING_FAILED
                     : PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
      const short events = state == PGRES_POLLING_WRITING ? POLLOUT : POLLIN;
      if (!AwaitSocket(PQsocket(connection.get()), events, until)) {
        *cause = kNoAnswer;
        SetSlow(address);
        return nullptr;
      }
      state = PQconnectPoll(connection.get());
    }
    if (state == PGRES_POLLING_OK) return connection;
    *cause = ConnectFailure(PQerrorMessage(connection.get()));
    return nullptr;
  }

  bool IsSlow(const Address& address) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = slow_until_.find(address);
    return found != slow_until_.end() && SteadyClock::now() < found->second;
  }
  void SetSlow(const Address& address) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto now = SteadyClock::now();
    // A name's addresses change; what has passed is not kept.
    for (auto it = slow_until_.begin(); it != slow_until_.end();)
      it = it->second <= now ? slow_until_.erase(it) : std::next(it);
    slow_until_[address] = now + kLastFor;
  }

  const Settings settings_;
  const std::vector<Address> hosts_;
  const std::chrono::seconds timeout_;
  const Secret password_;
  std::mutex mutex_;
  std::map<Address, SteadyClock::time_point> slow_until_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SqlConnector>> MakePgConnector(
    const std::string& url, const Secret& password) {
  Settings settings = {{"tcp_user_timeout", "3000"},
                       {"keepalives", "1"},
                       {"keepalives_idle", "5"},
                       {"keepalives_interval", "2"},
                       {"keepalives_count", "2"},
                       {"application_name", "wxident"},
                       {"ssl_min_protocol_version", "TLSv1.2"},
                       // Kerberos' encryption would come before TLS, and
                       // sslmode would then count for nothing.
                       {"gssencmode", "disable"}};
  PQconninfoOption* parsed = PQconninfoParse(url.c_str(), nullptr);
  if (parsed == nullptr)
    return absl::InvalidArgumentError(
        "the database URL cannot be read; write "
        "postgresql://user@host:port/database");
  for (PQconninfoOption* o = parsed; o->keyword != nullptr; ++o)
    if (o->val != nullptr) settings[o->keyword] = o->val;
  PQconninfoFree(parsed);
  settings["client_encoding"] = "UTF8";

  int timeout = 2;
  if (const std::string said = Take(settings, "connect_timeout");
      !said.empty() && (!absl::SimpleAtoi(said, &timeout) || timeout < 1))
    return absl::InvalidArgumentError(
        "connect_timeout in the database URL is not a number of seconds from "
        "1");
  WX_ASSIGN_OR_RETURN(std::vector<Address> hosts, TakeHosts(settings));
  return std::make_unique<PgConnector>(std::move(settings), std::move(hosts),
                                       std::chrono::seconds(timeout), password);
}

}  // namespace wxident
