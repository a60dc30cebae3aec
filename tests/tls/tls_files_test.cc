#include "server/tls/tls_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/base/fake_clock.h"
#include "tests/base/temp_folder.h"
#include "tests/tls/test_ca.h"
#include "tests/tls/tls_client.h"

namespace wxident {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class TlsFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    paths_.cert_file = folder_.Path("server.pem");
    paths_.key_file = folder_.Path("server.key");
    WriteServer(NewServer());
    paths_.client_ca_file = folder_.Write("callers.pem", ca_.pem);
  }

  TestCertificate NewServer(TestCertificateOptions options = {}) {
    return MakeTestCertificate(options, &ca_, clock_.Now());
  }

  void WriteServer(const TestCertificate& server) {
    folder_.Write("server.pem", server.pem + ca_.pem);
    folder_.Write("server.key", server.key);
  }

  void NameCrl(const std::string& text) {
    paths_.revocation_file = folder_.Write("callers.crl", text);
  }

  void Open() {
    absl::StatusOr<std::unique_ptr<TlsFiles>> opened =
        TlsFiles::Open(paths_, clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    files_ = *std::move(opened);
  }

  // What Open says, a line each.
  std::vector<std::string> Problems() {
    const absl::Status status = TlsFiles::Open(paths_, clock_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return absl::StrSplit(status.message(), '\n');
  }

  bool Look() { return files_->Look().value(); }
  bool Reload() { return files_->Reload().value(); }

  // What a look says of bad files.
  std::string LookRefused() {
    return std::string(files_->Look().status().message());
  }

  // Whether the newest snapshot is of this server certificate.
  bool Serves(const TestCertificate& server) {
    return IsOf(server, *files_->newest());
  }

  bool IsOf(const TestCertificate& server, const TlsSnapshot& snapshot) {
    return snapshot.server != nullptr &&
           snapshot.certificate.id == ParseCertificates(server.pem)->front().id;
  }

  // Whether the newest snapshot's server lets in who is of this CA: one of the
  // real time, by which TLS goes.
  bool Takes(const TestCertificate& ca) {
    const TestCertificate caller = MakeTestCertificate({}, &ca);
    return ShakeHands(*files_->newest()->server, {.shown = &caller}).ok();
  }

  FakeClock clock_;
  TestCertificate ca_ = MakeTestCertificate(
      {.name = "CA", .ca = true, .ends = absl::Hours(24 * 365)}, nullptr,
      clock_.Now());
  const TempFolder folder_;
  TlsPaths paths_;
  std::unique_ptr<TlsFiles> files_;
};

TEST_F(TlsFilesTest, GivesWhatFitsTogether) {
  const TestCertificate caller = NewServer();
  NameCrl(MakeTestCrl(ca_, {caller}));
  const TestCertificate server = NewServer({.serial = 0xbeef});
  WriteServer(server);
  const TestCertificate caller_ca = MakeTestCa("callers");
  folder_.Write("callers.pem", ca_.pem + caller_ca.pem);
  Open();
  EXPECT_TRUE(Serves(server));
  const std::shared_ptr<const TlsSnapshot> now = files_->newest();
  EXPECT_EQ(now->certificate.serial, "beef");
  EXPECT_TRUE(Takes(caller_ca));
  EXPECT_FALSE(Takes(MakeTestCa("other")));
  EXPECT_TRUE(now->revoked.Has(ParseCertificates(caller.pem)->front()));
}

TEST_F(TlsFilesTest, NamesTheFileThatIsBad) {
  const TestCertificate other = NewServer();
  folder_.Write("server.key", other.key);
  EXPECT_THAT(Problems(), ElementsAre(AllOf(StartsWith("grpc.tls_key_file: "),
                                            HasSubstr("another key"))));
  chmod(paths_.key_file.c_str(), 0644);
  EXPECT_THAT(Problems(), ElementsAre(AllOf(StartsWith("grpc.tls_key_file: "),
                                            HasSubstr("chmod 600"))));
  WriteServer(NewServer({.ends = -absl::Seconds(1)}));
  EXPECT_THAT(Problems(), ElementsAre(AllOf(StartsWith("grpc.tls_cert_file: "),
                                            HasSubstr("that ended at 2026"))));
  WriteServer(NewServer({.begins = absl::Seconds(1)}));
  EXPECT_THAT(Problems(), ElementsAre(AllOf(StartsWith("grpc.tls_cert_file: "),
                                            HasSubstr("begins only at 2026"))));
  WriteServer(other);
  folder_.Write("callers.pem", ca_.pem + other.pem);
  EXPECT_THAT(Problems(),
              ElementsAre(AllOf(StartsWith("grpc.tls_client_ca_file: "),
                                HasSubstr("number 2"), HasSubstr("not a CA"))));
  folder_.Write("callers.pem", ca_.pem);
  NameCrl(MakeTestCrl(MakeTestCa("other"), {}));
  EXPECT_THAT(Problems(),
              ElementsAre(AllOf(StartsWith("grpc.tls_revocation_file: "),
                                HasSubstr("none of the CAs"))));
}

TEST_F(TlsFilesTest, NamesAllThatAreBad) {
  paths_.cert_file = folder_.Path("absent.pem");
  folder_.Write("server.key", "");
  folder_.Write("callers.pem", "text");
  NameCrl("");
  const std::vector<std::string> problems = Problems();
  EXPECT_THAT(problems, ElementsAre(HasSubstr("absent.pem: cannot open"),
                                    HasSubstr("the file is empty"),
                                    HasSubstr("holds no certificate")));
  folder_.Write("callers.pem", ca_.pem);
  EXPECT_THAT(Problems().back(), HasSubstr("holds no CRL"));
}

// Of several MiB, as text and not.
TEST_F(TlsFilesTest, TakesALargeCrl) {
  const TestCertificate caller = NewServer();
  for (const bool der : {false, true}) {
    NameCrl(MakeTestCrl(ca_, {caller}, {.more = 100'000, .der = der}));
    Open();
    EXPECT_EQ(files_->newest()->revoked.size(), 100'001);
    EXPECT_FALSE(Look());
    NameCrl(MakeTestCrl(ca_, {caller}, {.more = 100'001, .der = der}));
    EXPECT_FALSE(Look());
    EXPECT_TRUE(Look());
    EXPECT_EQ(files_->newest()->revoked.size(), 100'002);
    EXPECT_TRUE(
        files_->newest()->revoked.Has(ParseCertificates(caller.pem)->front()));
    EXPECT_FALSE(Look());
  }
}

TEST_F(TlsFilesTest, ReloadsAtOnce) {
  Open();
  const std::shared_ptr<const TlsSnapshot> first = files_->newest();
  EXPECT_FALSE(Reload());
  EXPECT_EQ(files_->newest(), first);
  const TestCertificate second = NewServer();
  WriteServer(second);
  EXPECT_TRUE(Reload());
  EXPECT_TRUE(Serves(second));
}

TEST_F(TlsFilesTest, NeverGivesHalfOfAPair) {
  const TestCertificate first = NewServer();
  const TestCertificate second = NewServer();
  for (const bool key_first : {false, true}) {
    WriteServer(first);
    Open();
    folder_.Write(key_first ? "server.key" : "server.pem",
                  key_first ? second.key : second.pem + ca_.pem);
    EXPECT_FALSE(files_->Reload().ok());
    EXPECT_TRUE(Serves(first));
    WriteServer(second);
    EXPECT_TRUE(Reload());
    EXPECT_TRUE(Serves(second));
  }
}

TEST_F(TlsFilesTest, ALookWaitsForFilesThatAreBeingWritten) {
  Open();
  EXPECT_FALSE(Look());
  // A good text that is not the last one yet: the second CA is still to come.
  const TestCertificate other_ca = MakeTestCa("other");
  const TestCertificate second = NewServer();
  WriteServer(second);
  EXPECT_FALSE(Look());
  folder_.Write("callers.pem", ca_.pem + other_ca.pem);
  EXPECT_FALSE(Look());
  EXPECT_FALSE(Serves(second));
  EXPECT_FALSE(Takes(other_ca));
  EXPECT_TRUE(Look());
  EXPECT_TRUE(Serves(second));
  EXPECT_TRUE(Takes(other_ca));
  EXPECT_FALSE(Look());
}

TEST_F(TlsFilesTest, ALookTellsOfBadFilesOnceAndKeepsTheOldOnes) {
  const TestCertificate first = NewServer();
  WriteServer(first);
  Open();
  const TestCertificate second = NewServer();
  folder_.Write("server.pem", second.pem);
  EXPECT_FALSE(Look());
  EXPECT_THAT(LookRefused(), StartsWith("grpc.tls_key_file: "));
  EXPECT_FALSE(Look());
  EXPECT_FALSE(Look());
  ASSERT_EQ(unlink(paths_.cert_file.c_str()), 0);
  EXPECT_FALSE(Look());
  EXPECT_THAT(LookRefused(), HasSubstr("cannot open"));
  EXPECT_TRUE(Serves(first));
}

TEST_F(TlsFilesTest, WhatEverybodyMayChangeIsNotTaken) {
  NameCrl(MakeTestCrl(ca_, {}));
  const TestCertificate first = NewServer();
  WriteServer(first);
  Open();
  for (const auto& [path, key] :
       {std::pair(paths_.cert_file, "grpc.tls_cert_file: "),
        std::pair(paths_.client_ca_file, "grpc.tls_client_ca_file: "),
        std::pair(paths_.revocation_file, "grpc.tls_revocation_file: ")}) {
    WriteServer(NewServer());
    chmod(path.c_str(), 0666);
    EXPECT_THAT(std::string(files_->Reload().status().message()),
                AllOf(StartsWith(key), HasSubstr("chmod o-w")));
    EXPECT_FALSE(Look());
    EXPECT_THAT(Problems(), ElementsAre(StartsWith(key)));
    EXPECT_TRUE(Serves(first));
    chmod(path.c_str(), 0644);
  }
  EXPECT_TRUE(Reload());
  EXPECT_FALSE(Serves(first));
}

TEST_F(TlsFilesTest, TimeMakesACertificateGood) {
  const TestCertificate first = NewServer();
  WriteServer(first);
  Open();
  const TestCertificate early = NewServer({.begins = absl::Minutes(5)});
  WriteServer(early);
  EXPECT_FALSE(Look());
  EXPECT_THAT(LookRefused(), HasSubstr("begins only"));
  EXPECT_TRUE(Serves(first));
  clock_.Advance(absl::Minutes(5));
  EXPECT_TRUE(Look());
  EXPECT_TRUE(Serves(early));
}

TEST_F(TlsFilesTest, ReadersSeeWholeSnapshots) {
  const std::vector<TestCertificate> servers = {NewServer(), NewServer()};
  WriteServer(servers[0]);
  Open();
  std::atomic<bool> ended{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!ended) {
        const std::shared_ptr<const TlsSnapshot> now = files_->newest();
        torn += IsOf(servers[0], *now) || IsOf(servers[1], *now) ? 0 : 1;
      }
    });
  for (int i = 1; i <= 50; ++i) {
    WriteServer(servers[i % 2]);
    EXPECT_TRUE(Reload());
  }
  ended = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn, 0);
}

}  // namespace
}  // namespace wxident
