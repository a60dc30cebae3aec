#include "tests/hostile/raw_tls.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>
#include <cstdlib>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {
namespace {

constexpr size_t kKey = 16;
constexpr size_t kNonce = 12;
constexpr size_t kFixedNonce = 4;  // of TLS 1.2
constexpr int kTag = 16;

void Check(bool ok) {
  if (!ok) std::abort();
}

const unsigned char* BytesOf(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// RFC 8446, 7.1, for what is no longer than a hash.
std::string Expand(const std::string& secret, absl::string_view label,
                   size_t size) {
  const std::string info =
      absl::StrCat(BigEndian(size, 2), BigEndian(6 + label.size(), 1), "tls13 ",
                   label, BigEndian(0, 1), BigEndian(1, 1));
  std::string out(EVP_MAX_MD_SIZE, '\0');
  Check(HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
             BytesOf(info), info.size(),
             reinterpret_cast<unsigned char*>(out.data()), nullptr) != nullptr);
  return out.substr(0, size);
}

// RFC 5246, 6.3: the keys of both sides, the client's first.
std::string KeyBlock(SSL* ssl, size_t size) {
  std::string master(SSL_MAX_MASTER_KEY_LENGTH, '\0');
  std::string server(SSL3_RANDOM_SIZE, '\0');
  std::string client(SSL3_RANDOM_SIZE, '\0');
  const auto to = [](std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
  };
  master.resize(SSL_SESSION_get_master_key(SSL_get0_session(ssl), to(master),
                                           master.size()));
  SSL_get_server_random(ssl, to(server), server.size());
  SSL_get_client_random(ssl, to(client), client.size());
  std::string seed = absl::StrCat("key expansion", server, client);
  EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr);
  EVP_KDF_CTX* const context = EVP_KDF_CTX_new(kdf);
  EVP_KDF_free(kdf);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master.data(),
                                        master.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed.data(),
                                        seed.size()),
      OSSL_PARAM_construct_end()};
  std::string out(size, '\0');
  Check(EVP_KDF_derive(context, to(out), size, params) == 1);
  EVP_KDF_CTX_free(context);
  return out;
}

std::string Seal(absl::string_view key, absl::string_view nonce,
                 absl::string_view aad, absl::string_view text) {
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  std::string out(text.size() + kTag, '\0');
  auto* const to = reinterpret_cast<unsigned char*>(out.data());
  int size = 0;
  Check(EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), nullptr, BytesOf(key),
                           BytesOf(nonce)) == 1);
  Check(EVP_EncryptUpdate(context, nullptr, &size, BytesOf(aad),
                          static_cast<int>(aad.size())) == 1);
  Check(EVP_EncryptUpdate(context, to, &size, BytesOf(text),
                          static_cast<int>(text.size())) == 1);
  Check(EVP_EncryptFinal_ex(context, to + size, &size) == 1);
  Check(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, kTag,
                            to + text.size()) == 1);
  EVP_CIPHER_CTX_free(context);
  return out;
}

BIO* BioOf(const std::string& text) {
  return BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
}

// OpenSSL tells secrets by lines of text: a label, the client's random, the
// secret. The connection keeps the one that it encrypts with.
void KeepSecret(const SSL* ssl, const char* line) {
  const std::vector<std::string> words = absl::StrSplit(line, ' ');
  if (words.size() == 3 && words[0] == "CLIENT_TRAFFIC_SECRET_0")
    *static_cast<std::string*>(SSL_get_app_data(ssl)) =
        absl::HexStringToBytes(words[2]);
}

}  // namespace

struct TlsManner::State {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  ~State() { SSL_CTX_free(context); }
};

TlsManner::TlsManner(const Options& options)
    : state_(std::make_unique<State>()) {
  SSL_CTX* const context = state_->context;
  const int version = options.version == 12 ? TLS1_2_VERSION : TLS1_3_VERSION;
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_min_proto_version(context, version);
  SSL_CTX_set_max_proto_version(context, version);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_cipher_list(
      context, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256");
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN |
                                SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_keylog_callback(context, KeepSecret);
  constexpr unsigned char kH2[] = {2, 'h', '2'};
  SSL_CTX_set_alpn_protos(context, kH2, sizeof(kH2));
  if (options.shown == nullptr) return;
  BIO* const own = BioOf(options.shown->pem);
  X509* const certificate = PEM_read_bio_X509(own, nullptr, nullptr, nullptr);
  Check(SSL_CTX_use_certificate(context, certificate) == 1);
  X509_free(certificate);
  BIO_free(own);
  BIO* const secret = BioOf(options.shown->key);
  EVP_PKEY* const key =
      PEM_read_bio_PrivateKey(secret, nullptr, nullptr, nullptr);
  Check(SSL_CTX_use_PrivateKey(context, key) == 1);
  EVP_PKEY_free(key);
  BIO_free(secret);
  BIO* const chain = BioOf(options.chain);
  while (X509* next = PEM_read_bio_X509(chain, nullptr, nullptr, nullptr))
    SSL_CTX_add0_chain_cert(context, next);
  BIO_free(chain);
  ERR_clear_error();
}

TlsManner::~TlsManner() = default;

std::string TlsManner::ClientHello() const {
  SSL* const ssl = SSL_new(state_->context);
  BIO* const said = BIO_new(BIO_s_mem());
  std::string unused;
  SSL_set_app_data(ssl, &unused);
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), said);
  SSL_connect(ssl);
  char* text = nullptr;
  const long size = BIO_get_mem_data(said, &text);
  std::string out(text, static_cast<size_t>(size));
  SSL_free(ssl);
  ERR_clear_error();
  return out;
}

struct RawTls::State {
  SSL* ssl = nullptr;
  // Of TLS 1.3.
  std::string secret;
  std::string key;
  std::string nonce;
  uint64_t records = 0;

  bool tls13() const { return SSL_version(ssl) == TLS1_3_VERSION; }
  void Derive() {
    if (tls13()) {
      key = Expand(secret, "key", kKey);
      nonce = Expand(secret, "iv", kNonce);
      return;
    }
    const std::string block = KeyBlock(ssl, 2 * (kKey + kFixedNonce));
    key = block.substr(0, kKey);
    nonce = block.substr(2 * kKey, kFixedNonce);
    // Finished was the first.
    records = 1;
  }
};

RawTls::RawTls(const TlsManner& manner, int fd)
    : state_(std::make_unique<State>()) {
  state_->ssl = SSL_new(manner.state_->context);
  SSL_set_app_data(state_->ssl, &state_->secret);
  SSL_set_fd(state_->ssl, fd);
}

RawTls::~RawTls() {
  SSL_free(state_->ssl);
  ERR_clear_error();
}

bool RawTls::waits_to_write() const { return SSL_want_write(state_->ssl); }

namespace {

ssize_t Told(SSL* ssl, int result) {
  if (result > 0) return result;
  const int error = SSL_get_error(ssl, result);
  ERR_clear_error();
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

}  // namespace

ssize_t RawTls::Handshake() {
  ERR_clear_error();
  return Told(state_->ssl, SSL_connect(state_->ssl));
}

ssize_t RawTls::Write(absl::string_view bytes) {
  ERR_clear_error();
  return Told(state_->ssl, SSL_write(state_->ssl, bytes.data(),
                                     static_cast<int>(bytes.size())));
}

ssize_t RawTls::Read(char* to, size_t size) {
  ERR_clear_error();
  return Told(state_->ssl, SSL_read(state_->ssl, to, static_cast<int>(size)));
}

std::string RawTls::Record(RecordType type, absl::string_view content,
                           size_t padding) {
  State& state = *state_;
  if (state.key.empty()) state.Derive();
  const std::string number = BigEndian(state.records++, 8);
  if (!state.tls13()) {
    const std::string header = absl::StrCat(BigEndian(type, 1), "\x03\x03");
    const std::string sealed = Seal(
        state.key, state.nonce + number,
        absl::StrCat(number, header, BigEndian(content.size(), 2)), content);
    return absl::StrCat(header, BigEndian(number.size() + sealed.size(), 2),
                        number, sealed);
  }
  std::string nonce = state.nonce;
  for (size_t i = 0; i < number.size(); ++i)
    nonce[kNonce - number.size() + i] ^= number[i];
  const std::string text =
      absl::StrCat(content, BigEndian(type, 1), std::string(padding, '\0'));
  const std::string header =
      absl::StrCat("\x17\x03\x03", BigEndian(text.size() + kTag, 2));
  return header + Seal(state.key, nonce, header, text);
}

std::string RawTls::KeyUpdate(bool asks) {
  std::string out =
      Record(kHandshake,
             absl::StrCat("\x18", BigEndian(1, 3), BigEndian(asks ? 1 : 0, 1)));
  state_->secret = Expand(state_->secret, "traffic upd", state_->secret.size());
  state_->Derive();
  state_->records = 0;
  return out;
}

}  // namespace wxident
