// What a PostgreSQL says that cannot be made to say it.

#include "server/store/postgres/pg_connector.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/crypto/secret.h"
#include "server/store/postgres/sql_session.h"

namespace wxident {
namespace {

std::string Message(char type, const std::string& body) {
  const auto size = static_cast<uint32_t>(body.size() + 4);
  std::string text(1, type);
  for (int shift = 24; shift >= 0; shift -= 8)
    text.push_back(static_cast<char>(size >> shift));
  return text + body;
}

// Lets one client in, agrees to every simple query, and answers everything else
// with an error that has the given fields (PostgreSQL's protocol 3.0).
class ErringPostgres {
 public:
  explicit ErringPostgres(const std::string& fields)
      : error_(Message('E', fields + '\0') + kReady) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = absl::StrCat("postgresql://u@127.0.0.1:", ntohs(address.sin_port),
                        "/d?sslmode=disable");
    thread_ = std::thread([this] { Serve(); });
  }
  ~ErringPostgres() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

  const std::string& url() const { return url_; }

 private:
  static std::string Setting(const std::string& name,
                             const std::string& value) {
    return Message('S', name + '\0' + value + '\0');
  }

  bool Read(size_t count, std::string* to) {
    to->resize(count);
    return count == 0 || recv(client_, to->data(), count, MSG_WAITALL) ==
                             static_cast<ssize_t>(count);
  }
  // A message's length and body, without its type.
  bool ReadBody() {
    std::string text;
    if (!Read(4, &text)) return false;
    uint32_t size = 0;
    for (const char byte : text) size = size << 8 | static_cast<uint8_t>(byte);
    return size >= 4 && Read(size - 4, &text);
  }
  void Write(const std::string& text) {
    EXPECT_EQ(send(client_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

  void Serve() {
    client_ = accept(listener_, nullptr, nullptr);
    if (client_ < 0) return;
    if (ReadBody())
      Write(Message('R', std::string(4, '\0')) +
            Setting("server_version", "15.0") +
            Setting("client_encoding", "UTF8") +
            Setting("standard_conforming_strings", "on") + kReady);
    std::string type;
    while (Read(1, &type) && ReadBody()) {
      if (type == "Q")
        Write(Message('C', std::string("SET\0", 4)) + kReady);
      else if (type == "S")
        Write(error_);
    }
    close(client_);
  }

  const std::string kReady = Message('Z', "I");
  const std::string error_;
  const int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  int client_ = -1;
  std::string url_;
  std::thread thread_;
};

absl::Status StatusOf(const std::string& fields) {
  ErringPostgres postgres(fields);
  const auto connector = MakePgConnector(postgres.url(), Secret());
  if (!connector.ok()) return connector.status();
  const auto session = (*connector)->Connect();
  if (!session.ok()) return absl::UnknownError(session.status().message());
  return (*session)->Execute("SELECT $1", {"1"}).status();
}

const std::string kFatal("SFATAL\0Mgone\0", 13);

TEST(PgConnectorTest, ErrorsAreSortedByTheirState) {
  const auto with_state = [](const std::string& state) {
    return StatusOf(kFatal + "C" + state + '\0');
  };
  EXPECT_TRUE(absl::IsUnavailable(with_state("57P01")));
  EXPECT_TRUE(absl::IsAborted(with_state("40P01")));
  EXPECT_TRUE(absl::IsInvalidArgument(with_state("22P02")));
  EXPECT_TRUE(absl::IsCancelled(with_state("53100")));
  EXPECT_TRUE(absl::IsInternal(with_state("42601")));
}

// Whether somebody wants in at a socket that listens.
bool IsAsked(int listener) {
  pollfd waits{.fd = listener, .events = POLLIN};
  return poll(&waits, 1, 0) == 1;
}

TEST(PgConnectorTest, TheEnvironmentLeadsNowhereElse) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const std::string port = absl::StrCat(ntohs(address.sin_port));
  const auto connect = [&](const std::string& query) {
    const auto connector = MakePgConnector(
        absl::StrCat("postgresql:///d?port=", port, query), Secret());
    ASSERT_TRUE(connector.ok()) << connector.status();
    EXPECT_FALSE((*connector)->Connect().ok());
  };
  for (const char* name : {"PGHOST", "PGHOSTADDR"}) {
    setenv(name, "127.0.0.1", 1);
    connect("");
    EXPECT_FALSE(IsAsked(listener)) << name;
    unsetenv(name);
  }
  // The test itself would have seen it.
  connect("&host=127.0.0.1&connect_timeout=2");
  EXPECT_TRUE(IsAsked(listener));
  close(listener);
}

// libpq makes such ones, when the database goes down.
TEST(PgConnectorTest, AnErrorWithoutAStateIsOfTheConnection) {
  const absl::Status status = StatusOf(kFatal);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

}  // namespace
}  // namespace wxident
