#include "server/tls/tls_files.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/config/files/config_files.h"

namespace wxident {
namespace {

constexpr char kCertKey[] = "grpc.tls_cert_file";
constexpr char kKeyKey[] = "grpc.tls_key_file";
constexpr char kCaKey[] = "grpc.tls_client_ca_file";
constexpr char kRevocationKey[] = "grpc.tls_revocation_file";

absl::Status AsStatus(const TlsProblems& problems) {
  std::string out;
  for (const auto& [key, what] : problems)
    absl::StrAppend(&out, out.empty() ? "" : "\n", key, ": ", what);
  return absl::InvalidArgumentError(out);
}

std::string ShownTime(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone());
}

// Makes a snapshot of texts, or collects what is wrong with them; what needs a
// text that could not be read is left out.
class Checker {
 public:
  Checker(const TlsTexts& texts, absl::Time now)
      : texts_(texts), now_(now), problems_(texts.problems) {}

  TlsReading Check() {
    if (Have(kCertKey)) CheckCertificate();
    if (Have(kCertKey) && Have(kKeyKey))
      Note(kKeyKey, CheckKeyPair(texts_.certificate_chain, texts_.private_key));
    if (Have(kCaKey)) CheckCas();
    if (texts_.crls != nullptr && Have(kCaKey)) CheckCrls();
    if (problems_.empty()) MakeServer();
    if (!problems_.empty()) return {.problems = std::move(problems_)};
    return {.snapshot = std::make_shared<TlsSnapshot>(std::move(out_))};
  }

 private:
  // Whether nothing is wrong with the file of `key` so far.
  bool Have(absl::string_view key) const {
    return std::none_of(
        problems_.begin(), problems_.end(),
        [&](const auto& problem) { return problem.first == key; });
  }

  void Add(const char* key, absl::string_view what) {
    problems_.emplace_back(key, absl::StrCat("the file ", what));
  }

  void Note(const char* key, const absl::Status& status) {
    if (!status.ok()) Add(key, status.message());
  }

  void CheckCertificate() {
    absl::StatusOr<std::vector<Certificate>> chain =
        ParseCertificates(texts_.certificate_chain);
    if (!chain.ok()) return Note(kCertKey, chain.status());
    out_.certificate = std::move(chain->front());
    const Certificate& own = out_.certificate;
    if (now_ < own.not_before)
      Add(kCertKey, absl::StrCat("holds a certificate that begins only at ",
                                 ShownTime(own.not_before)));
    if (now_ > own.not_after)
      Add(kCertKey, absl::StrCat("holds a certificate that ended at ",
                                 ShownTime(own.not_after)));
  }

  void CheckCas() {
    const absl::StatusOr<std::vector<Certificate>> cas =
        ParseCertificates(texts_.client_cas);
    if (!cas.ok()) return Note(kCaKey, cas.status());
    for (size_t i = 0; i < cas->size(); ++i)
      if (!(*cas)[i].is_ca)
        return Add(kCaKey, absl::StrCat("holds, as number ", i + 1,
                                        ", a certificate that is not a CA's"));
  }

  void CheckCrls() {
    absl::StatusOr<RevokedCertificates> revoked =
        RevokedCertificates::Parse(*texts_.crls, texts_.client_cas);
    if (!revoked.ok()) return Note(kRevocationKey, revoked.status());
    out_.revoked = *std::move(revoked);
  }

  void MakeServer() {
    absl::StatusOr<std::shared_ptr<const TlsServer>> server = TlsServer::Create(
        texts_.certificate_chain, texts_.private_key, texts_.client_cas);
    if (!server.ok()) return Note(kCertKey, server.status());
    out_.server = *std::move(server);
  }

  const TlsTexts& texts_;
  const absl::Time now_;
  TlsProblems problems_;
  TlsSnapshot out_;
};

void AddUnreadable(const char* key, const std::string& path,
                   const absl::Status& why, TlsProblems& problems) {
  problems.emplace_back(key, absl::StrCat(path, ": ", why.message()));
}

std::string ReadText(const char* key, const std::string& path,
                     TlsProblems& problems) {
  absl::StatusOr<std::string> text = ReadConfigFile(path);
  if (text.ok()) return *std::move(text);
  AddUnreadable(key, path, text.status(), problems);
  return "";
}

}  // namespace

TlsTexts ReadTlsTexts(const TlsPaths& paths, CrlFile& crl_file) {
  TlsTexts out;
  out.certificate_chain = ReadText(kCertKey, paths.cert_file, out.problems);
  absl::StatusOr<Secret> key = ReadSecretFile(paths.key_file);
  if (key.ok())
    out.private_key = *std::move(key);
  else
    out.problems.emplace_back(
        kKeyKey, absl::StrCat("the secret's file: ", key.status().message()));
  out.client_cas = ReadText(kCaKey, paths.client_ca_file, out.problems);
  if (const std::string& path = paths.revocation_file; !path.empty()) {
    absl::StatusOr<std::shared_ptr<const std::string>> crls =
        crl_file.Read(path, SystemClock().Now());
    if (crls.ok())
      out.crls = *std::move(crls);
    else
      AddUnreadable(kRevocationKey, path, crls.status(), out.problems);
  }
  return out;
}

TlsReading CheckTlsTexts(const TlsTexts& texts, absl::Time now) {
  return Checker(texts, now).Check();
}

absl::StatusOr<std::unique_ptr<TlsFiles>> TlsFiles::Open(const TlsPaths& paths,
                                                         Clock& clock) {
  std::unique_ptr<TlsFiles> files(new TlsFiles(paths, clock));
  WX_RETURN_IF_ERROR(files->Take(ReadTlsTexts(paths, files->crl_file_)));
  return files;
}

std::shared_ptr<const TlsSnapshot> TlsFiles::newest() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return newest_;
}

absl::Status TlsFiles::Take(const TlsTexts& texts) {
  TlsReading reading = CheckTlsTexts(texts, clock_.Now());
  if (reading.snapshot == nullptr) {
    refused_ = texts;
    return AsStatus(reading.problems);
  }
  taken_ = texts;
  std::lock_guard<std::mutex> lock(mutex_);
  newest_.swap(reading.snapshot);
  return absl::OkStatus();
}

absl::StatusOr<bool> TlsFiles::Reload() {
  const TlsTexts texts = ReadTlsTexts(paths_, crl_file_);
  if (texts == taken_) return false;
  WX_RETURN_IF_ERROR(Take(texts));
  return true;
}

absl::StatusOr<bool> TlsFiles::Look() {
  TlsTexts texts = ReadTlsTexts(paths_, crl_file_);
  const bool settled = texts == seen_;
  seen_ = std::move(texts);
  if (!settled || seen_ == taken_) return false;
  const bool known_as_bad = seen_ == refused_;
  const absl::Status taken = Take(seen_);
  if (taken.ok()) return true;
  if (known_as_bad) return false;
  return taken;
}

}  // namespace wxident
