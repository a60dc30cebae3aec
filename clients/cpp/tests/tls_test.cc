#include <gmock/gmock.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "wxident/channel.h"
#include "wxident/client.h"
#include "wxident/error.h"

namespace wxident::client {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Minutes(1);

// Certificates, made by openssl in a folder that goes with the test.
class Pki {
 public:
  Pki() {
    std::string folder = absl::StrCat(testing::TempDir(), "/pki.XXXXXX");
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  ~Pki() { std::filesystem::remove_all(folder_); }

  // <name>.pem and <name>.key, its own issuer.
  void Ca(const std::string& name) {
    Run(absl::StrCat(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
        "-nodes -days 2 -subj /CN=",
        name, " -keyout ", Path(name + ".key"), " -out ", Path(name + ".pem")));
  }
  void Leaf(const std::string& name, const std::string& ca,
            const std::string& names) {
    std::ofstream(Path(name + ".ext")) << "subjectAltName=" << names << "\n";
    Run(absl::StrCat(
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=",
        name, " -keyout ", Path(name + ".key"), " -out ", Path(name + ".csr")));
    Run(absl::StrCat("x509 -req -days 2 -in ", Path(name + ".csr"), " -CA ",
                     Path(ca + ".pem"), " -CAkey ", Path(ca + ".key"),
                     " -CAcreateserial -extfile ", Path(name + ".ext"),
                     " -out ", Path(name + ".pem")));
  }
  std::string Path(const std::string& file) const { return folder_ / file; }
  std::string Read(const std::string& file) const {
    std::stringstream text;
    text << std::ifstream(Path(file)).rdbuf();
    return text.str();
  }
  void Write(const std::string& file, const std::string& text) const {
    std::ofstream(Path(file)) << text;
  }

 private:
  static void Run(const std::string& arguments) {
    ASSERT_EQ(std::system(
                  absl::StrCat("openssl ", arguments, " 2> /dev/null").c_str()),
              0)
        << arguments;
  }

  std::filesystem::path folder_;
};

// Every session is unknown to it.
class Service : public v1::IdentityService::Service {
  grpc::Status ValidateSession(grpc::ServerContext*,
                               const v1::ValidateSessionRequest*,
                               v1::ValidateSessionResponse*) override {
    return grpc::Status::OK;
  }
};

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    pki_.Ca("ca");
    pki_.Ca("other-ca");
    pki_.Leaf("server", "ca", "IP:127.0.0.1,DNS:localhost");
    pki_.Leaf("named", "ca", "DNS:wxident.internal,DNS:*.wild.internal");
    pki_.Leaf("one", "ca", "DNS:one.client");
    pki_.Leaf("two", "other-ca", "DNS:two.client");
  }

  // "127.0.0.1:<port>". With `client_ca` it wants a client certificate.
  std::unique_ptr<grpc::Server> Start(const std::string& certificate,
                                      const std::string& client_ca, int* port) {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back(
        {pki_.Read(certificate + ".key"), pki_.Read(certificate + ".pem")});
    if (!client_ca.empty()) {
      options.pem_root_certs = pki_.Read(client_ca + ".pem");
      options.client_certificate_request =
          GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    }
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", *port),
                             grpc::SslServerCredentials(options), port);
    builder.RegisterService(&service_);
    return builder.BuildAndStart();
  }

  ClientOptions Options(int port) const {
    ClientOptions options;
    options.address = absl::StrCat("127.0.0.1:", port);
    options.ca_file = pki_.Path("ca.pem");
    return options;
  }

  static absl::Status Call(const ClientOptions& options) {
    const auto client = Client::Create(options);
    if (!client.ok()) return client.status();
    v1::ValidateSessionRequest request;
    request.set_session_token("x");
    return (*client)->ValidateSession(request).status();
  }

  Pki pki_;
  Service service_;
};

TEST_F(TlsTest, TheServersName) {
  int port = 0;
  const auto server = Start("server", "", &port);
  EXPECT_EQ(Call(Options(port)), absl::OkStatus());
  ClientOptions options = Options(port);
  options.address = absl::StrCat("localhost:", port);
  EXPECT_EQ(Call(options), absl::OkStatus());
  options.server_name = "wxident.internal";
  EXPECT_TRUE(absl::IsUnavailable(Call(options)));
}

TEST_F(TlsTest, AnotherName) {
  int port = 0;
  const auto server = Start("named", "", &port);
  ClientOptions options = Options(port);
  EXPECT_TRUE(absl::IsUnavailable(Call(options)));
  options.server_name = "wxident.internal";
  EXPECT_EQ(Call(options), absl::OkStatus());
}

TEST_F(TlsTest, AnotherCa) {
  int port = 0;
  const auto server = Start("server", "", &port);
  ClientOptions options = Options(port);
  options.ca_file = pki_.Path("other-ca.pem");
  EXPECT_TRUE(absl::IsUnavailable(Call(options)));
  // Nor do the system's CAs know ours.
  options.ca_file = "";
  EXPECT_TRUE(absl::IsUnavailable(Call(options)));
}

TEST_F(TlsTest, SeveralAddressesWithOneNameEach) {
  int port = 0, second = 0;
  const auto server = Start("server", "", &port);
  ClientOptions options = Options(port);
  // The certificate has one of both names.
  options.address = absl::StrCat("127.0.0.2:", port, ",127.0.0.1:", port);
  EXPECT_EQ(Call(options), absl::OkStatus());
  // The same one twice.
  options.address = absl::StrCat("127.0.0.1:", port, ",127.0.0.1:", port);
  EXPECT_EQ(Call(options), absl::OkStatus());
  const auto named = Start("named", "", &second);
  // And one that has neither.
  options.address = absl::StrCat("127.0.0.1:", second, ",localhost:", second);
  EXPECT_TRUE(absl::IsUnavailable(Call(options)));
  options.server_name = "one.wild.internal";
  EXPECT_EQ(Call(options), absl::OkStatus());
}

TEST_F(TlsTest, ClientCertificates) {
  int port = 0;
  const auto server = Start("server", "ca", &port);
  ClientOptions options = Options(port);
  EXPECT_TRUE(absl::IsUnavailable(Call(options)));
  options.cert_file = pki_.Path("one.pem");
  options.key_file = pki_.Path("one.key");
  EXPECT_EQ(Call(options), absl::OkStatus());
  options.cert_file = pki_.Path("two.pem");
  options.key_file = pki_.Path("two.key");
  EXPECT_TRUE(absl::IsUnavailable(Call(options)));
}

TEST_F(TlsTest, FilesThatAreNoneAreRefused) {
  ClientOptions options = Options(1);
  pki_.Write("none", "nothing");
  options.ca_file = pki_.Path("none");
  EXPECT_THAT(Call(options).message(), HasSubstr("ca_file"));
  options.ca_file = pki_.Path("ca.pem");
  options.cert_file = pki_.Path("none");
  options.key_file = pki_.Path("one.key");
  EXPECT_THAT(Call(options).message(), HasSubstr("cert_file"));
  options.cert_file = pki_.Path("two.pem");
  EXPECT_THAT(Call(options).message(), HasSubstr("key_file"));
  EXPECT_TRUE(absl::IsInvalidArgument(Call(options)));
}

TEST_F(TlsTest, CertificatesThatChangeAreReadAgain) {
  for (const char* kind : {".pem", ".key"})
    pki_.Write(absl::StrCat("mine", kind),
               pki_.Read(absl::StrCat("one", kind)));
  int port = 0;
  auto server = Start("server", "ca", &port);
  ClientOptions options = Options(port);
  options.cert_file = pki_.Path("mine.pem");
  options.key_file = pki_.Path("mine.key");
  const auto make_channel = ChannelMaker(options, /*reload_seconds=*/1);
  ASSERT_TRUE(make_channel.ok());
  const auto stub = v1::IdentityService::NewStub((*make_channel)({}));
  const auto call = [&] {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(5)));
    v1::ValidateSessionResponse response;
    return stub->ValidateSession(&context, {}, &response);
  };
  EXPECT_TRUE(call().ok());
  for (const char* kind : {".pem", ".key"})
    pki_.Write(absl::StrCat("mine", kind),
               pki_.Read(absl::StrCat("two", kind)));
  // The connection that stands goes on.
  EXPECT_TRUE(call().ok());
  server->Shutdown();
  // The new server takes the new certificate alone.
  server = Start("server", "other-ca", &port);
  ASSERT_NE(server, nullptr);
  const absl::Time end = absl::Now() + kLong;
  grpc::Status status = call();
  while (!status.ok() && absl::Now() < end) status = call();
  EXPECT_TRUE(status.ok()) << status.error_message();
}

}  // namespace
}  // namespace wxident::client
