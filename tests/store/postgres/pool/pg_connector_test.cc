// What a PostgreSQL says, or keeps to itself, that cannot be made to.

#include "server/store/postgres/pool/pg_connector.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/crypto/secret.h"
#include "server/store/postgres/pool/libpq_environment.h"
#include "server/store/postgres/sql/sql_session.h"

namespace wxident {
namespace {

std::string Message(char type, const std::string& body) {
  const auto size = static_cast<uint32_t>(body.size() + 4);
  std::string text(1, type);
  for (int shift = 24; shift >= 0; shift -= 8)
    text.push_back(static_cast<char>(size >> shift));
  return text + body;
}

std::string Error(const std::string& fields) {
  return Message('E', fields + '\0') + Message('Z', "I");
}

// Lets one client in and answers everything that it asks with the same bytes
// (PostgreSQL's protocol 3.0).
class FakePostgres {
 public:
  enum class Door { kOpen, kSilent };

  explicit FakePostgres(std::string answer, Door door = Door::kOpen)
      : answer_(std::move(answer)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (door == Door::kOpen) thread_ = std::thread([this] { Serve(); });
  }
  ~FakePostgres() {
    shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    close(listener_);
  }

  int port() const { return port_; }
  std::string url() const {
    return absl::StrCat("postgresql://u@127.0.0.1:", port_,
                        "/d?sslmode=disable");
  }
  // To a client that has got no answer.
  void AnswerNow(const std::string& answer) { Write(answer); }
  // What the client sent first.
  std::string startup() const { return startup_; }

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
  bool ReadBody(std::string* body) {
    if (!Read(4, body)) return false;
    uint32_t size = 0;
    for (const char byte : *body) size = size << 8 | static_cast<uint8_t>(byte);
    return size >= 4 && Read(size - 4, body);
  }
  void Write(const std::string& text) {
    EXPECT_EQ(send(client_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

  void Serve() {
    client_ = accept(listener_, nullptr, nullptr);
    if (client_ < 0) return;
    if (ReadBody(&startup_))
      Write(Message('R', std::string(4, '\0')) +
            Setting("server_version", "15.0") +
            Setting("client_encoding", "UTF8") +
            Setting("standard_conforming_strings", "on") + Message('Z', "I"));
    std::string type;
    std::string body;
    while (Read(1, &type) && ReadBody(&body))
      if (type == "S" && !answer_.empty()) Write(answer_);
    close(client_);
  }

  const std::string answer_;
  const int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  int port_ = 0;
  int client_ = -1;
  std::string startup_;
  std::thread thread_;
};

std::unique_ptr<SqlSession> Connect(const std::string& url) {
  auto session = (*MakePgConnector(url, Secret()))->Connect();
  EXPECT_TRUE(session.ok()) << session.status();
  return session.ok() ? *std::move(session) : nullptr;
}

absl::Status StatusOf(const std::string& fields) {
  FakePostgres postgres(Error(fields));
  return Connect(postgres.url())->Execute("SELECT $1", {"1"}).status();
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
  EXPECT_TRUE(absl::IsFailedPrecondition(with_state("25006")));
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
    ForgetLibpqEnvironment();
    connect("");
    EXPECT_FALSE(IsAsked(listener)) << name;
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

TEST(PgConnectorTest, AnAnswerIsNotWaitedForEver) {
  FakePostgres postgres("");
  const auto session = Connect(postgres.url());
  const absl::Status status = session->Execute("SELECT 1", {}).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_FALSE(session->Settled());
  EXPECT_TRUE(absl::IsUnavailable(session->Execute("SELECT 1", {}).status()));
  postgres.AnswerNow(
      Error("SERROR" + std::string(1, '\0') + "C57014" + std::string(1, '\0')));
  while (!session->Settled()) std::this_thread::yield();
}

TEST(PgConnectorTest, ACommitThatWasNotReplicatedIsNoSuccess) {
  const std::string done =
      Message('C', std::string("INSERT 0 1\0", 11)) + Message('Z', "I");
  const auto noticed = [&](const std::string& fields) {
    FakePostgres postgres(Message('N', fields + '\0') + done);
    return Connect(postgres.url())->Execute("INSERT", {}).status();
  };
  using namespace std::string_literals;
  EXPECT_TRUE(noticed("SNOTICE\0VNOTICE\0C00000\0Mfine\0"s).ok());
  // In whatever language.
  EXPECT_TRUE(absl::IsUnavailable(
      noticed("S\u8b66\u544a\0VWARNING\0C01000\0Mcanceling wait\0"s)));
}

TEST(PgConnectorTest, ADatabaseThatDoesNotAnswerIsSaidSo) {
  FakePostgres silent("", FakePostgres::Door::kSilent);
  const auto connector = *MakePgConnector(silent.url(), Secret());
  const absl::Status status = connector->Connect().status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(status.message(), "the database did not answer in time");
}

TEST(PgConnectorTest, AHostThatDoesNotAnswerIsTriedLastForAWhile) {
  FakePostgres silent("", FakePostgres::Door::kSilent);
  const std::string error = Error(kFatal);
  FakePostgres first(error);
  FakePostgres second(error);
  const auto connector = *MakePgConnector(
      absl::StrCat("postgresql://u@127.0.0.1:", silent.port(),
                   ",127.0.0.1:", first.port(), ",127.0.0.1:", second.port(),
                   "/d?sslmode=disable&connect_timeout=3"),
      Secret());
  const auto slowly = std::chrono::steady_clock::now();
  EXPECT_TRUE(connector->Connect().ok());
  const auto quickly = std::chrono::steady_clock::now();
  // It has served its one client, and now its listener is silent as well; what
  // counts is that the first one is not waited for again.
  EXPECT_TRUE(connector->Connect().ok());
  const auto end = std::chrono::steady_clock::now();
  EXPECT_GE(quickly - slowly, std::chrono::seconds(3));
  EXPECT_LT(end - quickly, std::chrono::seconds(6));
}

TEST(PgConnectorTest, HostsAndPortsMustFit) {
  const auto refused = [](const std::string& url) {
    return absl::IsInvalidArgument(MakePgConnector(url, Secret()).status());
  };
  EXPECT_TRUE(refused("postgresql://u@a:1,b:2,c/d?port=1,2"));
  EXPECT_TRUE(refused("postgresql://u@a/d?connect_timeout=never"));
  EXPECT_TRUE(refused("http://a"));
}

// pgbouncer refuses what it does not know.
TEST(PgConnectorTest, TheStartUpPacketHoldsNoOptions) {
  setenv("PGCLIENTENCODING", "GBK", 1);
  FakePostgres postgres(Error(kFatal));
  Connect(postgres.url());
  unsetenv("PGCLIENTENCODING");
  const std::string packet = postgres.startup();
  EXPECT_FALSE(absl::StrContains(packet, "options"));
  EXPECT_TRUE(absl::StrContains(packet, "UTF8"));
  EXPECT_FALSE(absl::StrContains(packet, "GBK"));
}

TEST(LibpqEnvironmentTest, IsForgotten) {
  setenv("PGOPTIONS", "-c search_path=elsewhere", 1);
  setenv("PGTARGETSESSIONATTRS", "read-only", 1);
  EXPECT_EQ(ForgetLibpqEnvironment(),
            std::vector<std::string>({"PGOPTIONS", "PGTARGETSESSIONATTRS"}));
  EXPECT_EQ(getenv("PGOPTIONS"), nullptr);
  EXPECT_EQ(ForgetLibpqEnvironment(), std::vector<std::string>());
}

}  // namespace
}  // namespace wxident
