#include "simulator/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <memory>

#include "simulator/files.h"
#include "tests/base/temp_folder.h"

namespace wxident::simulator {
namespace {

using Cert = std::unique_ptr<X509, void (*)(X509*)>;

Cert Read(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  Cert cert(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), X509_free);
  BIO_free(bio);
  return cert;
}

const absl::Time kNow = absl::FromUnixSeconds(1767323045);

TEST(MakeCertificates, VouchesForLoopbackAndWeChatsHosts) {
  const auto made = MakeCertificates(kNow);
  ASSERT_TRUE(made.ok()) << made.status();
  const Cert ca = Read(made->ca);
  const Cert server = Read(made->server);
  ASSERT_NE(ca, nullptr);
  ASSERT_NE(server, nullptr);
  for (const char* host :
       {"localhost", "api.weixin.qq.com", "api2.weixin.qq.com",
        "sh.api.weixin.qq.com", "sz.api.weixin.qq.com", "hk.api.weixin.qq.com",
        "open.weixin.qq.com"})
    EXPECT_EQ(X509_check_host(server.get(), host, 0, 0, nullptr), 1) << host;
  for (const char* ip : {"127.0.0.1", "::1"})
    EXPECT_EQ(X509_check_ip_asc(server.get(), ip, 0), 1) << ip;
  EXPECT_EQ(X509_check_host(server.get(), "mp.weixin.qq.com", 0, 0, nullptr),
            0);

  X509_STORE* store = X509_STORE_new();
  X509_STORE_add_cert(store, ca.get());
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, server.get(), nullptr);
  X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context),
                             absl::ToTimeT(kNow));
  X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context),
                              X509_V_FLAG_X509_STRICT);
  X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
  EXPECT_EQ(X509_verify_cert(context), 1)
      << X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
}

TEST(LoadOrMakeCertificates, KeepsThemWhileTheyLast) {
  const TempFolder folder;
  const std::string& dir = folder.path();
  const auto first = LoadOrMakeCertificates(dir, kNow);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*ReadFile(dir + "/ca.pem"), first->ca);
  struct stat info {};
  ASSERT_EQ(stat((dir + "/server.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);

  const auto same = LoadOrMakeCertificates(dir, kNow + absl::Hours(24 * 363));
  EXPECT_EQ(same->ca, first->ca);
  EXPECT_EQ(same->server, first->server);
  const auto next = LoadOrMakeCertificates(dir, kNow + absl::Hours(24 * 364));
  EXPECT_NE(next->ca, first->ca);
}

TEST(LoadOrMakeCertificates, MakesNewOnesWhenThereIsAnythingWrong) {
  const TempFolder folder;
  const std::string& dir = folder.path();
  const auto first = LoadOrMakeCertificates(dir, kNow);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(WriteFile(dir + "/ca.pem", MakeCertificates(kNow)->ca).ok());
  const auto second = LoadOrMakeCertificates(dir, kNow);
  EXPECT_NE(second->server, first->server);
  ASSERT_TRUE(WriteFile(dir + "/server.key", "garbage").ok());
  EXPECT_NE(LoadOrMakeCertificates(dir, kNow)->server, second->server);
}

TEST(LoadOrMakeCertificates, NamesTheFileThatCannotBeWritten) {
  const auto made = LoadOrMakeCertificates("/nonexistent/dir", kNow);
  EXPECT_THAT(std::string(made.status().message()),
              testing::HasSubstr("/nonexistent/dir/server.key"));
}

}  // namespace
}  // namespace wxident::simulator
